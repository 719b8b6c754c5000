-- What tells who paid for a subscription can be erased too. Notifications about an agreement name neither an
-- order nor a transaction, so until now nothing found them; nor was a dead letter found by its transaction.

-- Those that change an agreement, and those of charges under it.
create table agreement_notifications (
    message_id text not null,
    part       integer not null,
    account    text not null,
    agreement  text not null check (agreement <> ''),
    primary key (message_id, part)
) strict, without rowid;
create index agreement_notifications_by_agreement on agreement_notifications (account, agreement);

alter table dead_letter_parts add column agreement text;
alter table dead_letter_parts add column subscription_no text;
create index dead_letter_parts_by_transaction on dead_letter_parts (account, "transaction")
    where "transaction" is not null;
create index dead_letter_parts_by_agreement on dead_letter_parts (account, agreement)
    where agreement is not null;
create index dead_letter_parts_by_subscription on dead_letter_parts (subscription_no)
    where subscription_no is not null;

-- A rule of a table of SQLite cannot be changed, so the table is made anew.
alter table tombstones rename to former_tombstones;
create table tombstones (
    hash      blob primary key not null check (length(hash) = 32),
    kind      text not null check (kind in ('order', 'transaction', 'agreement', 'subscription')),
    erased_at integer not null
) strict, without rowid;
insert into tombstones (hash, kind, erased_at) select hash, kind, erased_at from former_tombstones;
drop table former_tombstones;

-- What was erased stays erased, whoever writes.
create trigger keep_tombstones before delete on tombstones
begin
    select raise(abort, 'a fact stays: it is neither deleted nor taken back');
end;
create trigger keep_tombstones_said before update on tombstones
begin
    select raise(abort, 'a fact stays: it is neither deleted nor taken back');
end;
