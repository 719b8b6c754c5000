-- The embedded engine: queue and ledger on one file, with the ledger's table names and rules as on
-- PostgreSQL. Columns named `*_at`, and `deadline`, hold integer microseconds since 1970 (UTC);
-- a uuid is its hyphenated text, JSON is text. What a shop writes with another program works with
-- any SQLite since 3.37.

-- What waits for a worker. `taken` says that a reader has it in hand; should the process vanish,
-- the next one counts a return for each such parcel. `ready_at` is 0 for what is ready at once, so
-- that a clock set back holds nothing up.
create table queue (
    id           integer primary key autoincrement,
    place        text not null check (place in ('notifications.0', 'dead')),
    ready_at     integer not null,
    taken        integer not null default 0 check (taken in (0, 1)),
    returns      integer not null default 0,
    message_id   text not null,
    kind         text not null,
    content_type text,
    timestamp_s  integer not null,
    headers      text not null,
    body         blob not null
) strict;
create index queue_waiting on queue (place, taken, ready_at, id);

-- Where a shop writes. Status and amounts paid are the workers' to write.
create table orders (
    order_no        text primary key not null
        check (order_no <> '' and length(cast(order_no as blob)) <= 128),
    amount          integer not null check (amount > 0),
    currency        text not null check (currency glob '[A-Z][A-Z][A-Z]'),
    account         text check (account <> ''),
    subscription_no text,
    period          text,
    status          text not null default 'pending' check (
        status in ('pending', 'paid', 'partially_refunded', 'refunded', 'cancelled')
    ),
    paid_amount     integer not null default 0 check (paid_amount >= 0),
    refunded_amount integer not null default 0 check (refunded_amount >= 0),
    paid_at         integer,
    cancelled_at    integer,
    expires_at      integer,
    created_at      integer not null
        default (cast((julianday('now') - 2440587.5) * 86400000000 as integer)),
    metadata        text check (json_valid(metadata) and length(cast(metadata as blob)) <= 32768),
    check (refunded_amount <= paid_amount)
) strict;
create index orders_by_age on orders (created_at desc);
-- What a shop cancelled by SQL and nobody has announced yet.
create index orders_to_cancel on orders (order_no)
    where cancelled_at is not null and status <> 'cancelled';

-- Every number under which an order was offered to a provider, its own among them.
create table order_numbers (
    number   text primary key not null
        check (number <> '' and length(cast(number as blob)) <= 128),
    order_no text not null references orders on delete cascade
) strict;
create index order_numbers_by_order on order_numbers (order_no);

create trigger name_order after insert on orders begin
    insert into order_numbers (number, order_no) values (new.order_no, new.order_no);
end;

-- One row for each provider transaction: the strongest that was proven of it.
create table payments (
    account       text not null,
    "transaction" text not null,
    order_number  text not null,
    order_no      text references orders,
    status        text not null check (
        status in ('pending', 'authorised', 'failed', 'closed', 'succeeded', 'finished')
    ),
    amount        integer not null check (amount >= 0),
    currency      text not null check (currency glob '[A-Z][A-Z][A-Z]'),
    occurred_at   integer not null,
    closed_at     integer,
    -- Waiting for its order until then; nothing: joined to it, or given up as a case.
    deadline      integer,
    created_at    integer not null,
    primary key (account, "transaction"),
    check (order_no is null or deadline is null)
) strict, without rowid;
create index payments_by_number on payments (order_number);
create index payments_by_order on payments (order_no) where order_no is not null;
create index payments_without_order on payments (order_number) where order_no is null;

-- Each cumulative total that a provider stated; the largest counts.
create table refunds (
    account       text not null,
    "transaction" text not null,
    total         integer not null check (total > 0),
    refund_no     text not null default '',
    occurred_at   integer not null,
    primary key (account, "transaction", total, refund_no, occurred_at),
    foreign key (account, "transaction") references payments
) strict, without rowid;

-- One fulfilment an order, ever.
create table fulfilments (
    order_no   text primary key not null references orders,
    active     integer not null check (active in (0, 1)),
    created_at integer not null,
    revoked_at integer,
    check (active = (revoked_at is null))
) strict;

-- Money that fits no rule. One row for each kind and subject; a condition that comes back opens it again.
create table cases (
    id            text primary key not null,
    kind          text not null,
    status        text not null check (status in ('open', 'acknowledged', 'resolved')),
    order_number  text not null,
    account       text,
    "transaction" text,
    amount        integer not null,
    currency      text not null check (currency glob '[A-Z][A-Z][A-Z]'),
    opened_at     integer not null,
    resolved_at   integer,
    check ((status = 'resolved') = (resolved_at is not null))
) strict;
create index cases_by_number on cases (order_number);
create index cases_by_age on cases (opened_at desc);

-- Every genuine notification, its bytes, and what became of it.
create table notifications (
    message_id    text not null,
    part          integer not null,
    account       text not null,
    provider      text not null,
    identity      text not null,
    kind          text not null,
    order_number  text,
    "transaction" text,
    outcome       text not null check (
        outcome in ('duplicate', 'no_op', 'settled', 'case', 'waiting')
    ),
    epoch         text not null,
    seq           integer not null,
    received_at   integer not null,
    recorded_at   integer not null,
    -- The first part holds the whole body.
    body          blob,
    primary key (message_id, part)
) strict;
create index notifications_by_order on notifications (order_number) where order_number is not null;
create index notifications_waiting on notifications (account, "transaction")
    where outcome = 'waiting';

-- Level one against repeats: claimed in the transaction that records the outcome.
create table identities (
    account    text not null,
    identity   text not null,
    message_id text not null,
    primary key (account, identity)
) strict, without rowid;

-- Events count from 1 for each subject, in commit order.
create table subjects (
    subject  text primary key not null,
    last_seq integer not null check (last_seq > 0)
) strict, without rowid;

-- The outbox, and the log of what was published.
create table events (
    id          text primary key not null,
    subject     text not null references subjects,
    sequence    integer not null check (sequence > 0),
    type        text not null,
    body        text not null,
    occurred_at integer not null,
    -- Given when it is published, in commit order.
    position    integer unique,
    unique (subject, sequence)
) strict;
create index events_unsent on events (id) where position is null;

create table event_log (
    one           integer primary key default 1 check (one = 1),
    last_position integer not null
) strict;
insert into event_log (last_position) values (0);

-- A relay that adds to the beat holds it; one that stands still may be taken over.
create table relays (
    part   integer primary key,
    holder text not null,
    beat   integer not null
) strict;

-- The balance: what ingresses stated, and what workers handled.
create table statements (
    epoch       text not null,
    from_seq    integer not null check (from_seq >= 0),
    to_seq      integer not null check (to_seq > from_seq),
    -- A JSON list of numbers.
    holes       text not null check (json_type(holes) = 'array'),
    recorded_at integer not null,
    primary key (epoch, from_seq)
) strict, without rowid;
create table receipts (
    epoch       text not null,
    seq         integer not null,
    bucket      text not null check (
        bucket in ('duplicate', 'no_op', 'settled', 'case', 'waiting', 'retrying', 'dead')
    ),
    recorded_at integer not null,
    due_at      integer,
    primary key (epoch, seq)
) strict, without rowid;

create table lanes (
    lane    text primary key not null,
    idle_at integer,
    beat_at integer not null
) strict;

create table audit (
    id      integer primary key autoincrement,
    at      integer not null,
    actor   text not null,
    action  text not null,
    subject text not null,
    reason  text not null
) strict;

-- Only Quittance's own connections have `quittance_settling`: every other program is refused, in
-- the words "no such function: quittance_settling".
create trigger keep_status before update of status, paid_amount, refunded_amount, paid_at on orders
when (new.status, new.paid_amount, new.refunded_amount)
        <> (old.status, old.paid_amount, old.refunded_amount)
    or new.paid_at is not old.paid_at
begin
    select raise(abort, 'order: the status is derived from its payments; set cancelled_at, or run: quittance orders cancel')
    where not quittance_settling();
end;

create trigger keep_terms before update of order_no, amount, currency, account on orders
when ((new.order_no, new.amount, new.currency) <> (old.order_no, old.amount, old.currency)
        or new.account is not old.account)
    and exists (select 1 from payments p where p.order_no = old.order_no)
begin
    select raise(abort, 'order: it has payments, so its terms stand; offer a new order, or a further number of this one');
end;

create trigger keep_cancel before update of cancelled_at on orders
when new.cancelled_at is not old.cancelled_at and old.status <> 'pending'
begin
    select raise(abort, 'order: it is no longer pending, so it cannot be cancelled or revived; refund it at the provider instead');
end;

create trigger begin_pending before insert on orders
when new.status <> 'pending' or new.paid_amount <> 0 or new.refunded_amount <> 0
begin
    select raise(abort, 'order: it must begin pending, its status is derived from its payments');
end;
