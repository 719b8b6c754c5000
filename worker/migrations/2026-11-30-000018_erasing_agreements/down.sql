-- Migrations go forward only; this one forgets which agreements were erased.
set local search_path to quittance;

drop trigger keep_tombstones on tombstones;
delete from tombstones where kind in ('agreement', 'subscription');
alter table tombstones drop constraint tombstones_kind_check;
alter table tombstones add constraint tombstones_kind_check check (kind in ('order', 'transaction'));
alter table dead_letter_parts drop column agreement, drop column subscription_no;
drop index dead_letter_parts_by_transaction;
drop table agreement_notifications;
