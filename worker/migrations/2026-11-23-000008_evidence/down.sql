set local search_path to quittance;

drop table loose_notifications;
alter table cases drop column refund_by;
