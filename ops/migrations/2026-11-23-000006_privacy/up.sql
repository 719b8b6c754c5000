-- Bodies hold personal data, so they are sealed, end after a while and can be erased. They stand in a
-- table of their own, so removing one touches no row of the ledger. A message's id begins with its
-- time, so its key finds the oldest.

create table bodies (
    message_id  text primary key not null,
    -- Which key of the ring wrapped the body's own key; null: it stands in the clear.
    key_id      text,
    wrapped     blob,
    body        blob not null,
    -- Parts of other orders that were erased are cut out.
    redacted_at integer,
    check ((key_id is null) = (wrapped is null))
) strict;
create index bodies_by_key on bodies (key_id);

create table removed_bodies (
    message_id text primary key not null,
    removed_at integer not null,
    reason     text not null check (reason in ('expired', 'erased'))
) strict, without rowid;

-- What was erased: hashes of order numbers and of transactions. A later body about one is not kept.
create table tombstones (
    hash      blob primary key not null check (length(hash) = 32),
    kind      text not null check (kind in ('order', 'transaction')),
    erased_at integer not null
) strict, without rowid;

-- How far the bodies have moved that stood in `notifications`, in the order of message ids.
create table body_moves (
    one        integer primary key default 1 check (one = 1),
    message_id text not null
) strict;
insert into body_moves (message_id) values ('00000000-0000-0000-0000-000000000000');
