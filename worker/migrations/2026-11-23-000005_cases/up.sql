-- Cases that people work on and end by their word; orders that run out; test money apart from live money.
-- What a person or an account's policy says of a case is a fact like any other: added, never changed.
--
-- Columns have defaults and constraints look at new rows alone, so workers of the version before may
-- go on meanwhile. They know nothing of resolutions: end cases by hand once all are of this version.

set local search_path to quittance;

alter table orders add column mode text not null default 'live';
alter table orders add constraint orders_mode check (mode in ('live', 'test')) not valid;
-- XXX is our word for an amount that no currency expresses exactly: no order is offered in it.
alter table orders add constraint orders_in_a_currency check (currency <> 'XXX') not valid;

-- The account's mode, and whether orders had to name their account, when the payment was first told.
alter table payments add column mode text not null default 'live';
alter table payments add column named_only boolean not null default false;
alter table payments add constraint payments_mode check (mode in ('live', 'test')) not valid;

alter table cases add column policy text not null default 'hold';
alter table cases add column owner text;
alter table cases add column resolution text;
alter table cases add constraint cases_policy
    check (policy in ('hold', 'fulfil', 'refund_requested', 'ignore')) not valid;
alter table cases add constraint cases_resolution
    check (resolution in ('fulfil', 'refund', 'ignore', 'settled')) not valid;
alter table cases add constraint cases_owner
    check (owner <> '' and octet_length(owner) <= 128) not valid;

create table case_resolutions (
    id           bigint generated always as identity primary key,
    case_id      uuid not null,
    kind         text not null,
    -- Either a payment or an order: what the case is about.
    account      text,
    transaction  text,
    order_no     text,
    order_number text not null,
    verdict      text not null check (verdict in ('fulfil', 'refund', 'ignore')),
    amount       bigint not null check (amount >= 0),
    currency     text not null check (currency ~ '^[A-Z]{3}$'),
    -- All the money that had come in by then: when more comes, the case opens again.
    up_to        bigint not null check (up_to >= 0),
    actor        text not null check (actor <> ''),
    reason       text not null check (reason <> '' and octet_length(reason) <= 500),
    at           timestamptz not null,
    check ((account is null) = (transaction is null)),
    check ((account is null) <> (order_no is null))
);
create index case_resolutions_by_payment on case_resolutions (transaction, account)
    where transaction is not null;
create index case_resolutions_by_order on case_resolutions (order_no) where order_no is not null;
create index case_resolutions_by_case on case_resolutions (case_id);

create table case_notes (
    id      bigint generated always as identity primary key,
    case_id uuid not null references cases,
    at      timestamptz not null,
    actor   text not null check (actor <> ''),
    text    text not null check (text <> '' and octet_length(text) <= 2000)
);
create index case_notes_by_case on case_notes (case_id);

create function keep_resolutions() returns trigger language plpgsql as $$
begin
    raise exception 'a resolution is a fact: it is added, never changed'
        using errcode = 'check_violation';
end $$;
create trigger keep_resolutions before update or delete on case_resolutions for each row
    execute function keep_resolutions();

-- Orders that will run out and that no sweep has looked at since. A table and no index on orders, for
-- the reason that cancellations have one.
create table expirations (
    order_no   text primary key,
    expires_at timestamptz not null
);
create index expirations_by_time on expirations (expires_at);

-- Runs with its owner's rights, so that a shop's role needs none on the table.
create function note_expiry() returns trigger language plpgsql
    security definer set search_path = pg_catalog as $$
begin
    if new.expires_at is null then
        delete from quittance.expirations where order_no = new.order_no;
    else
        insert into quittance.expirations (order_no, expires_at)
        values (new.order_no, new.expires_at)
        on conflict (order_no) do update set expires_at = excluded.expires_at;
    end if;
    return null;
end $$;
create trigger note_expiry after insert on orders for each row
    when (new.expires_at is not null)
    execute function note_expiry();
create trigger note_changed_expiry after update of expires_at on orders for each row
    when (new.expires_at is distinct from old.expires_at)
    execute function note_expiry();

-- Until now expires_at had no effect. An order that is pending and past it is cancelled by the next sweep.
insert into expirations (order_no, expires_at)
select order_no, expires_at from orders where expires_at is not null and status = 'pending';

create function keep_expiry() returns trigger language plpgsql as $$
begin
    if new.expires_at is distinct from old.expires_at
        and (old.status <> 'pending' or old.expires_at <= now()) then
        raise exception 'order % is over, or is paid, so its expiry stands', old.order_no
            using errcode = 'check_violation', hint = 'offer a new order';
    end if;
    if (new.mode is distinct from old.mode or new.expires_at is distinct from old.expires_at)
        and exists (
            select from quittance.payments p join quittance.order_numbers n on n.number = p.order_number
            where n.order_no = old.order_no and p.status in ('succeeded', 'finished')
        ) then
        raise exception 'order % has payments, so its terms stand', old.order_no
            using errcode = 'check_violation',
                  hint = 'offer a new order, or a further number of this one';
    end if;
    return new;
end $$;
create trigger keep_expiry before update of expires_at, mode on orders for each row
    when (current_setting('quittance.settling', true) is distinct from 'on')
    execute function keep_expiry();
