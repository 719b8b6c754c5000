drop trigger keep_tombstones_said;
drop trigger keep_tombstones;
alter table tombstones rename to former_tombstones;
create table tombstones (
    hash      blob primary key not null check (length(hash) = 32),
    kind      text not null check (kind in ('order', 'transaction')),
    erased_at integer not null
) strict, without rowid;
insert into tombstones (hash, kind, erased_at)
    select hash, kind, erased_at from former_tombstones where kind in ('order', 'transaction');
drop table former_tombstones;
drop index dead_letter_parts_by_subscription;
drop index dead_letter_parts_by_agreement;
drop index dead_letter_parts_by_transaction;
alter table dead_letter_parts drop column subscription_no;
alter table dead_letter_parts drop column agreement;
drop table agreement_notifications;
