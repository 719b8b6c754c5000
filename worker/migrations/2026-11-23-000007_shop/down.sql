set local search_path to quittance;

alter table orders drop constraint orders_times;
drop index audit_by_subject;
