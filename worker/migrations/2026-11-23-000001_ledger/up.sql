-- The ledger. It stores facts: what a shop ordered, what providers proved, what was announced.
-- An order's status is derived from facts by the workers; the constraints here keep the rules that
-- a schema can keep, so that no program, ours or another's, can break them: one payment a provider
-- transaction, one fulfilment an order, contiguous numbers for each subject's events.

create schema if not exists quittance;
set local search_path to quittance;

-- Where a shop writes. Status and amounts paid are the workers' to write.
create table orders (
    order_no        text primary key check (order_no <> '' and octet_length(order_no) <= 128),
    amount          bigint not null check (amount > 0),
    currency        text not null check (currency ~ '^[A-Z]{3}$'),
    account         text check (account <> ''),
    subscription_no text,
    period          text,
    status          text not null default 'pending' check (
        status in ('pending', 'paid', 'partially_refunded', 'refunded', 'cancelled')
    ),
    paid_amount     bigint not null default 0 check (paid_amount >= 0),
    refunded_amount bigint not null default 0 check (refunded_amount >= 0),
    paid_at         timestamptz,
    cancelled_at    timestamptz,
    expires_at      timestamptz,
    created_at      timestamptz not null default now(),
    metadata        jsonb check (octet_length(metadata::text) <= 32768),
    check (refunded_amount <= paid_amount)
) with (fillfactor = 80);

create index orders_by_age on orders (created_at desc);

-- What a shop cancelled by SQL and nobody has announced yet. A table and no index on orders: one that
-- looks at the status would make every payment rewrite all of its order's index entries.
create table cancellations (
    order_no text primary key
);

-- Every number under which an order was offered to a provider, its own among them.
create table order_numbers (
    number   text primary key check (number <> '' and octet_length(number) <= 128),
    order_no text not null references orders on delete cascade
);
create index order_numbers_by_order on order_numbers (order_no);

create function name_order() returns trigger language plpgsql as $$
begin
    insert into quittance.order_numbers (number, order_no) values (new.order_no, new.order_no);
    return null;
end $$;
create trigger name_order after insert on orders for each row execute function name_order();

-- One row for each provider transaction: the strongest that was proven of it.
create table payments (
    account      text not null,
    transaction  text not null,
    order_number text not null,
    -- No foreign key: the worker holds the order's lock, and an order with payments cannot be deleted.
    order_no     text,
    status       text not null check (
        status in ('pending', 'authorised', 'failed', 'closed', 'succeeded', 'finished')
    ),
    amount       bigint not null check (amount >= 0),
    currency     text not null check (currency ~ '^[A-Z]{3}$'),
    occurred_at  timestamptz not null,
    closed_at    timestamptz,
    -- Waiting for its order until then; nothing: joined to it, or given up as a case.
    deadline     timestamptz,
    created_at   timestamptz not null default now(),
    primary key (account, transaction),
    check (order_no is null or deadline is null)
) with (fillfactor = 90);
create index payments_by_number on payments (order_number);
create index payments_without_order on payments (order_number) where order_no is null;

-- Each cumulative total that a provider stated; the largest counts.
create table refunds (
    account      text not null,
    transaction  text not null,
    total        bigint not null check (total > 0),
    refund_no    text not null default '',
    occurred_at  timestamptz not null,
    primary key (account, transaction, total, refund_no, occurred_at),
    foreign key (account, transaction) references payments
);

-- One fulfilment an order, ever.
create table fulfilments (
    order_no   text primary key,
    active     boolean not null,
    created_at timestamptz not null,
    revoked_at timestamptz,
    check (active = (revoked_at is null))
);

-- Money that fits no rule. One row for each kind and subject; a condition that comes back opens it again.
create table cases (
    id           uuid primary key,
    kind         text not null,
    status       text not null check (status in ('open', 'acknowledged', 'resolved')),
    order_number text not null,
    account      text,
    transaction  text,
    amount       bigint not null,
    currency     text not null check (currency ~ '^[A-Z]{3}$'),
    opened_at    timestamptz not null,
    resolved_at  timestamptz,
    check ((status = 'resolved') = (resolved_at is not null))
);
create index cases_open on cases (order_number) where status <> 'resolved';
create index cases_by_age on cases (opened_at desc);

-- Every genuine notification, its bytes, and what became of it.
create table notifications (
    message_id   uuid not null,
    part         integer not null,
    account      text not null,
    provider     text not null,
    identity     text not null,
    kind         text not null,
    order_number text,
    transaction  text,
    outcome      text not null check (
        outcome in ('duplicate', 'no_op', 'settled', 'case', 'waiting')
    ),
    epoch        uuid not null,
    seq          bigint not null,
    received_at  timestamptz not null,
    recorded_at  timestamptz not null,
    -- The first part holds the whole body.
    body         bytea,
    primary key (message_id, part)
);
create index notifications_by_order on notifications (order_number) where order_number is not null;
create index notifications_waiting on notifications (account, transaction) where outcome = 'waiting';

-- Level one against repeats: claimed in the transaction that records the outcome.
create table identities (
    account    text not null,
    identity   text not null,
    message_id uuid not null,
    primary key (account, identity)
);

-- Events count from 1 for each subject, in commit order: whoever appends holds this row.
create table subjects (
    subject  text primary key,
    last_seq bigint not null check (last_seq > 0)
) with (fillfactor = 80);

-- What was announced, as the bytes that are published.
create table events (
    subject     text not null,
    sequence    bigint not null check (sequence > 0),
    id          uuid not null,
    type        text not null,
    body        text not null,
    occurred_at timestamptz not null,
    primary key (subject, sequence)
);

-- Events that no broker has confirmed yet. A row is here as long as it is unsent, so that a relay
-- never looks at the others.
create table outbox (
    place    bigint generated always as identity primary key,
    subject  text not null,
    sequence bigint not null,
    unique (subject, sequence)
) with (autovacuum_vacuum_scale_factor = 0.01, autovacuum_vacuum_threshold = 1000);

-- The log of published events. Positions are given in commit order, because whoever gives them holds
-- the one row of the log's end.
create table event_log (
    position bigint primary key,
    subject  text not null,
    sequence bigint not null
);
create table event_log_end (
    singleton     boolean primary key default true check (singleton),
    last_position bigint not null
);
insert into event_log_end (last_position) values (0);

-- A relay that adds to the beat holds it; one that stands still may be taken over.
create table relays (
    part   integer primary key,
    holder uuid not null,
    beat   bigint not null
);

-- The balance: what ingresses stated, and what workers handled.
create table statements (
    epoch       uuid not null,
    from_seq    bigint not null check (from_seq >= 0),
    to_seq      bigint not null check (to_seq > from_seq),
    holes       bigint[] not null,
    recorded_at timestamptz not null,
    primary key (epoch, from_seq)
);
create table receipts (
    epoch       uuid not null,
    seq         bigint not null,
    bucket      text not null check (
        bucket in ('duplicate', 'no_op', 'settled', 'case', 'waiting', 'retrying', 'dead')
    ),
    recorded_at timestamptz not null,
    due_at      timestamptz,
    primary key (epoch, seq)
) with (fillfactor = 90);

create table lanes (
    lane    uuid primary key,
    idle_at timestamptz,
    beat_at timestamptz not null
);

create table audit (
    id       bigint generated always as identity primary key,
    at       timestamptz not null,
    actor    text not null,
    action   text not null,
    subject  text not null,
    reason   text not null
);

-- What derives the status says so; everybody else is refused, with the way to do it.
create function keep_orders() returns trigger language plpgsql as $$
begin
    if (new.status, new.paid_amount, new.refunded_amount, new.paid_at)
        is distinct from (old.status, old.paid_amount, old.refunded_amount, old.paid_at) then
        raise exception 'the status of order % is derived from its payments', old.order_no
            using errcode = 'check_violation',
                  hint = 'set cancelled_at, or run: quittance orders cancel';
    end if;
    if (new.order_no, new.amount, new.currency, new.account)
        is distinct from (old.order_no, old.amount, old.currency, old.account)
        and exists (
            select from quittance.payments p join quittance.order_numbers n on n.number = p.order_number
            where n.order_no = old.order_no
        ) then
        raise exception 'order % has payments, so its terms stand', old.order_no
            using errcode = 'check_violation',
                  hint = 'offer a new order, or a further number of this one';
    end if;
    if new.cancelled_at is distinct from old.cancelled_at and old.status <> 'pending' then
        raise exception 'order % is %, so it cannot be cancelled or revived', old.order_no, old.status
            using errcode = 'check_violation', hint = 'refund it at the provider instead';
    end if;
    return new;
end $$;
create trigger keep_orders before update on orders for each row
    when (current_setting('quittance.settling', true) is distinct from 'on')
    execute function keep_orders();

create function begin_pending() returns trigger language plpgsql as $$
begin
    raise exception 'order % must begin pending: its status is derived from its payments', new.order_no
        using errcode = 'check_violation';
end $$;
create trigger begin_pending before insert on orders for each row
    when (new.status <> 'pending' or new.paid_amount <> 0 or new.refunded_amount <> 0)
    execute function begin_pending();

create function note_cancellation() returns trigger language plpgsql as $$
begin
    insert into quittance.cancellations (order_no) values (new.order_no) on conflict do nothing;
    return null;
end $$;
create trigger note_cancellation after update of cancelled_at on orders for each row
    when (new.cancelled_at is not null and new.status = 'pending')
    execute function note_cancellation();
create trigger note_cancelled_insert after insert on orders for each row
    when (new.cancelled_at is not null)
    execute function note_cancellation();

create function keep_paid_orders() returns trigger language plpgsql as $$
begin
    if exists (
        select from quittance.payments p join quittance.order_numbers n on n.number = p.order_number
        where n.order_no = old.order_no
    ) then
        raise exception 'order % has payments, so it stays', old.order_no
            using errcode = 'foreign_key_violation';
    end if;
    return old;
end $$;
create trigger keep_paid_orders before delete on orders for each row
    execute function keep_paid_orders();
