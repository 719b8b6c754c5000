-- Migrations go forward only; this one forgets every named refund and every dispute.
set local search_path to quittance;
drop table disputes;
drop table refund_items;
delete from payments where absent;
alter table payments drop column absent;
