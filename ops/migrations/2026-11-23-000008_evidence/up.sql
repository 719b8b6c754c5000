-- What a case rests on is found by its transaction too: a refund or a dispute often names no order, and
-- until its payment is known nobody can say which. A case also says until when a refund of it is taken.

alter table cases add column refund_by integer;

create table loose_notifications (
    account       text not null,
    "transaction" text not null,
    message_id    text not null,
    part          integer not null,
    primary key (account, "transaction", message_id, part)
) strict, without rowid;
