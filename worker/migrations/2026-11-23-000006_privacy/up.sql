-- Bodies hold personal data, so they are sealed, end after a while and can be erased. They move to a
-- table of their own: it is new, so its indexes cost no lock on the notifications, and removing a body
-- touches no row of the ledger. A message's id begins with its time, so its key finds the oldest.

set local search_path to quittance;

create table bodies (
    message_id  uuid primary key,
    -- Which key of the ring wrapped the body's own key; null: it stands in the clear.
    key_id      text,
    wrapped     bytea,
    body        bytea not null,
    -- Parts of other orders that were erased are cut out.
    redacted_at timestamptz,
    check ((key_id is null) = (wrapped is null))
);
-- What is sealed does not compress.
alter table bodies alter column body set storage external;
create index bodies_by_key on bodies (key_id);

create table removed_bodies (
    message_id uuid primary key,
    removed_at timestamptz not null,
    reason     text not null check (reason in ('expired', 'erased'))
);

-- What was erased: hashes of order numbers and of transactions. A later body about one is not kept.
create table tombstones (
    hash      bytea primary key check (octet_length(hash) = 32),
    kind      text not null check (kind in ('order', 'transaction')),
    erased_at timestamptz not null
);

-- How far the bodies have moved that stood in `notifications`, in the order of message ids.
create table body_moves (
    singleton  boolean primary key default true check (singleton),
    message_id uuid not null
);
insert into body_moves (message_id) values ('00000000-0000-0000-0000-000000000000');

-- A worker of the former version still writes them there.
create function move_body() returns trigger language plpgsql as $$
begin
    insert into quittance.bodies (message_id, body) values (new.message_id, new.body)
        on conflict do nothing;
    update quittance.notifications set body = null
        where message_id = new.message_id and part = new.part;
    return null;
end $$;
create trigger move_body after insert on notifications for each row
    when (new.body is not null)
    execute function move_body();
