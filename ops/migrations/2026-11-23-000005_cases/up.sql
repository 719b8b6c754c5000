-- Cases that people work on and end by their word; orders that run out; test money apart from live money.
-- What a person or an account's policy says of a case is a fact like any other: added, never changed.

alter table orders add column mode text not null default 'live' check (mode in ('live', 'test'));
-- Pending orders that will run out.
create index orders_to_expire on orders (expires_at)
    where expires_at is not null and status = 'pending';

-- The account's mode, and whether orders had to name their account, when the payment was first told.
alter table payments add column mode text not null default 'live' check (mode in ('live', 'test'));
alter table payments add column named_only integer not null default 0 check (named_only in (0, 1));

alter table cases add column policy text not null default 'hold'
    check (policy in ('hold', 'fulfil', 'refund_requested', 'ignore'));
alter table cases add column owner text
    check (owner <> '' and length(cast(owner as blob)) <= 128);
alter table cases add column resolution text
    check (resolution in ('fulfil', 'refund', 'ignore', 'settled'));

create table case_resolutions (
    id            integer primary key autoincrement,
    case_id       text not null,
    kind          text not null,
    -- Either a payment or an order: what the case is about.
    account       text,
    "transaction" text,
    order_no      text,
    order_number  text not null,
    verdict       text not null check (verdict in ('fulfil', 'refund', 'ignore')),
    amount        integer not null check (amount >= 0),
    currency      text not null check (currency glob '[A-Z][A-Z][A-Z]'),
    -- All the money that had come in by then: when more comes, the case opens again.
    up_to         integer not null check (up_to >= 0),
    actor         text not null check (actor <> ''),
    reason        text not null check (reason <> '' and length(cast(reason as blob)) <= 500),
    at            integer not null,
    check ((account is null) = ("transaction" is null)),
    check ((account is null) <> (order_no is null))
) strict;
create index case_resolutions_by_payment on case_resolutions ("transaction", account)
    where "transaction" is not null;
create index case_resolutions_by_order on case_resolutions (order_no) where order_no is not null;
create index case_resolutions_by_case on case_resolutions (case_id);

create table case_notes (
    id      integer primary key autoincrement,
    case_id text not null references cases,
    at      integer not null,
    actor   text not null check (actor <> ''),
    text    text not null check (text <> '' and length(cast(text as blob)) <= 2000)
) strict;
create index case_notes_by_case on case_notes (case_id);

create trigger keep_resolutions before update on case_resolutions
begin
    select raise(abort, 'case: a resolution is a fact, it is added, never changed');
end;
create trigger keep_resolutions_there before delete on case_resolutions
begin
    select raise(abort, 'case: a resolution is a fact, it is added, never changed');
end;

-- XXX is our word for an amount that no currency expresses exactly: no order is offered in it.
create trigger begin_in_a_currency before insert on orders when new.currency = 'XXX'
begin
    select raise(abort, 'order: XXX is no currency');
end;
create trigger keep_a_currency before update of currency on orders when new.currency = 'XXX'
begin
    select raise(abort, 'order: XXX is no currency');
end;

create trigger keep_expiry before update of expires_at on orders
when new.expires_at is not old.expires_at
    and (old.status <> 'pending'
        or old.expires_at <= cast((julianday('now') - 2440587.5) * 86400000000 as integer))
begin
    select raise(abort, 'order: it is over, or is paid, so its expiry stands; offer a new order');
end;
create trigger keep_mode_and_expiry before update of expires_at, mode on orders
when (new.expires_at is not old.expires_at or new.mode <> old.mode)
    and exists (
        select 1 from payments p join order_numbers n on n.number = p.order_number
        where n.order_no = old.order_no and p.status in ('succeeded', 'finished')
    )
begin
    select raise(abort, 'order: it has payments, so its terms stand; offer a new order, or a further number of this one');
end;
