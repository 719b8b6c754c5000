-- What a case rests on is found by its transaction too: a refund or a dispute often names no order, and
-- until its payment is known nobody can say which. Only those stand in the new table, so that the table
-- of all notifications needs no further index. A case also says until when a refund of it is taken.
--
-- A new table and a column without a default: workers of the version before may go on meanwhile.

set local search_path to quittance;

alter table cases add column refund_by timestamptz;

create table loose_notifications (
    account     text not null,
    transaction text not null,
    message_id  uuid not null,
    part        integer not null,
    primary key (account, transaction, message_id, part)
);
