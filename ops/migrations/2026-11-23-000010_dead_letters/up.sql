-- A queue can only be looked at by taking from it, so dead letters are drained into tables: to be found,
-- grouped by what they have in common, ended by people and tried again. Their bodies stand in `bodies`
-- under the letter's own id, because what a stranger published bears no id that is its own; so they are
-- sealed, wrapped anew, expired and erased as all bodies are.

create table failure_groups (
    id            text primary key not null,
    -- Of stage, code, provider and message.
    fingerprint   blob not null unique check (length(fingerprint) = 32),
    stage         text not null,
    code          text not null,
    provider      text not null,
    message       text not null,
    status        text not null default 'open' check (
        status in ('open', 'acknowledged', 'resolved', 'regressed', 'ignored')
    ),
    owner         text,
    note          text,
    first_seen_at integer not null,
    last_seen_at  integer not null
) strict;

create table dead_letters (
    id           text primary key not null,
    -- What makes two deliveries the same letter.
    identity     blob not null unique check (length(identity) = 32),
    message_id   text not null,
    provider     text not null,
    account      text,
    order_number text,
    amount       integer,
    currency     text,
    group_id     text not null references failure_groups (id),
    received_at  integer,
    buried_at    integer not null,
    -- Of a message whose seal is right alone.
    epoch        text,
    seq          integer,
    state        text not null default 'open' check (
        state in ('open', 'replaying', 'resolved', 'discarded')
    ),
    -- Properties and headers as JSON, the body's size and hash, and what was cut.
    parcel       text not null,
    check ((amount is null) = (currency is null)),
    check ((epoch is null) = (seq is null))
) strict;
create index dead_letters_by_group on dead_letters (group_id, state);
create index dead_letters_by_state on dead_letters (state, id);
create index dead_letters_by_number on dead_letters (epoch, seq);
create index dead_letters_by_message on dead_letters (message_id);

-- A row for each time that it was buried.
create table dead_letter_failures (
    letter_id       text not null references dead_letters (id),
    n               integer not null check (n > 0),
    group_id        text not null references failure_groups (id),
    cause           text not null,
    attempts        integer not null,
    first_failed_at integer,
    last_failed_at  integer,
    buried_at       integer not null,
    worker          text,
    -- Which item of a replay failed; null: the message itself.
    item            text,
    primary key (letter_id, n)
) strict, without rowid;

-- What it is about, so that erasing finds it.
create table dead_letter_parts (
    letter_id    text not null references dead_letters (id),
    part         integer not null,
    account      text not null,
    order_number text,
    "transaction" text,
    primary key (letter_id, part)
) strict, without rowid;
create index dead_letter_parts_by_order on dead_letter_parts (order_number);

-- Who ended or restored it, and why. Rows are added, never changed.
create table dead_letter_resolutions (
    id         integer primary key autoincrement,
    letter_id  text not null references dead_letters (id),
    at         integer not null,
    resolution text not null,
    actor      text not null,
    reason     text not null
) strict;
create index dead_letter_resolutions_by_letter on dead_letter_resolutions (letter_id, id);
