-- What tells who paid for a subscription can be erased too. Notifications about an agreement name neither an
-- order nor a transaction, so until now nothing found them; nor was a dead letter found by its transaction.
--
-- A table, columns without a default, and indexes over dead letters, which are few. Workers of the version
-- before may go on: they record an agreement's notifications without this table, and know no tombstone
-- of an agreement or of a subscription, so what they record is not found by erasing a subscription and is not
-- stripped. So finish the upgrade before you erase.

set local search_path to quittance;

-- Those that change an agreement, and those of charges under it.
create table agreement_notifications (
    message_id uuid not null,
    part       integer not null,
    account    text not null,
    agreement  text not null check (agreement <> ''),
    primary key (message_id, part)
);
create index agreement_notifications_by_agreement on agreement_notifications (account, agreement);

alter table dead_letter_parts add column agreement text, add column subscription_no text;
create index dead_letter_parts_by_transaction on dead_letter_parts (account, transaction)
    where transaction is not null;
create index dead_letter_parts_by_agreement on dead_letter_parts (account, agreement)
    where agreement is not null;
create index dead_letter_parts_by_subscription on dead_letter_parts (subscription_no)
    where subscription_no is not null;

alter table tombstones drop constraint tombstones_kind_check;
alter table tombstones add constraint tombstones_kind_check check (
    kind in ('order', 'transaction', 'agreement', 'subscription')
);
-- What was erased stays erased, whoever writes.
create trigger keep_tombstones before update or delete on tombstones for each row
    execute function keep_facts();
