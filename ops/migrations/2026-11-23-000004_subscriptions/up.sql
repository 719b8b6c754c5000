-- Subscriptions: agreements that a payer signed, and charges that each pay for one period. Until now changes
-- of agreements were read and dropped, and a charge without an order became a case.

-- The provider's number of the agreement that it was charged under.
alter table payments add column agreement text;
-- Does it need no order, because a subscription's terms explain it?
alter table payments add column without_order integer not null default 0 check (without_order in (0, 1));
-- What needs no order waits for none.
drop index payments_without_order;
create index payments_without_order on payments (order_number)
    where order_no is null and not without_order;

-- Where a shop writes its subscriptions. What stands below `grace` is the workers' to write.
create table subscriptions (
    subscription_no text primary key not null
        check (subscription_no <> '' and length(cast(subscription_no as blob)) <= 128),
    account         text not null check (account <> ''),
    agreement_no    text check (agreement_no <> ''),
    amount          integer not null check (amount > 0),
    currency        text not null check (currency glob '[A-Z][A-Z][A-Z]'),
    period          text not null check (period glob 'P*[1-9]*' and length(cast(period as blob)) <= 64),
    anchor          integer,
    time_zone       text not null default 'UTC'
        check (time_zone <> '' and length(cast(time_zone as blob)) <= 64),
    grace           text not null default 'P0D'
        check (grace glob 'P*' and length(cast(grace as blob)) <= 64),
    status          text not null default 'pending' check (
        status in ('pending', 'active', 'past_due', 'ended', 'invalid')
    ),
    agreement       text,
    paid_through    integer,
    entitled_until  integer,
    failed_at       integer,
    ended           text check (ended in ('run_out', 'unsigned')),
    -- When time alone will change it.
    due_at          integer,
    created_at      integer not null
        default (cast((julianday('now') - 2440587.5) * 86400000000 as integer)),
    metadata        text check (
        metadata is null
        or (json_valid(metadata) and length(cast(metadata as blob)) <= 32768)
    ),
    -- One agreement is one subscription's.
    unique (account, agreement_no)
) strict;
create index subscriptions_by_age on subscriptions (created_at desc);
create index subscriptions_due on subscriptions (due_at) where due_at is not null;

-- What was said of each agreement, by whomever it is: nothing is changed, nothing is deleted.
create table agreement_changes (
    account         text not null,
    agreement       text not null check (agreement <> ''),
    what            text not null check (what in ('signed', 'charge_failed', 'ended')),
    occurred_at     integer not null,
    -- Which attempt failed.
    charge          text not null default '',
    -- The shop's number, as the provider repeats it.
    subscription_no text not null default '',
    revival         text not null check (revival in ('never', 'by_later_time')),
    valid_until     integer,
    created_at      integer not null,
    primary key (account, agreement, what, occurred_at, charge, subscription_no)
) strict, without rowid;
create index agreement_changes_by_subscription on agreement_changes (subscription_no);

-- Payments under an agreement, or for an order that extends a subscription. One row a transaction, so that each
-- extends one subscription once.
create table charges (
    account         text not null,
    "transaction"   text not null,
    agreement       text,
    -- Nothing: its agreement is no subscription's yet. It may name one that the shop has not written yet.
    subscription_no text,
    period          text,
    occurred_at     integer not null,
    -- Is any of its money left?
    stands          integer not null check (stands in (0, 1)),
    -- The period that it pays for.
    starts_at       integer,
    ends_at         integer,
    primary key (account, "transaction"),
    foreign key (account, "transaction") references payments,
    check ((starts_at is null) = (ends_at is null)),
    check (starts_at is null or (stands and starts_at < ends_at))
) strict, without rowid;
create index charges_by_subscription on charges (subscription_no);
create index charges_by_agreement on charges (account, agreement);

-- What the sweep has to look at: subscriptions that were written, or to which an agreement was bound; and numbers
-- of charges under which an order appeared.
create table subscription_changes (
    subscription_no text primary key not null
) strict;
create table number_changes (
    number text primary key not null
) strict;

create trigger note_subscription after insert on subscriptions begin
    insert or ignore into subscription_changes (subscription_no) values (new.subscription_no);
end;
create trigger note_subscription_update
after update of account, agreement_no, amount, currency, period, anchor, time_zone, grace on subscriptions begin
    insert or ignore into subscription_changes (subscription_no) values (new.subscription_no);
end;
create trigger note_number after insert on order_numbers begin
    insert or ignore into number_changes (number)
    select new.number where exists (
        select 1 from payments p
        where p.order_number = new.number and p.order_no is null and p.without_order
    );
end;

create trigger keep_subscription before update of
    status, agreement, paid_through, entitled_until, failed_at, ended, due_at on subscriptions
when new.status <> old.status or new.agreement is not old.agreement
    or new.paid_through is not old.paid_through or new.entitled_until is not old.entitled_until
    or new.failed_at is not old.failed_at or new.ended is not old.ended or new.due_at is not old.due_at
begin
    select raise(abort, 'subscription: the status is derived from its charges')
    where not quittance_settling();
end;

create trigger keep_subscription_terms before update of
    subscription_no, account, agreement_no, amount, currency, period, anchor, time_zone on subscriptions
when ((new.subscription_no, new.account, new.amount, new.currency, new.period, new.time_zone)
        <> (old.subscription_no, old.account, old.amount, old.currency, old.period, old.time_zone)
        or new.anchor is not old.anchor
        or (old.agreement_no is not null and new.agreement_no is not old.agreement_no))
    and exists (select 1 from charges c where c.subscription_no = old.subscription_no)
begin
    select raise(abort, 'subscription: it has charges, so its terms stand; write a new subscription');
end;

create trigger begin_subscription before insert on subscriptions
when new.status <> 'pending' or coalesce(new.agreement, new.paid_through, new.entitled_until,
                                         new.failed_at, new.ended, new.due_at) is not null
begin
    select raise(abort, 'subscription: it must begin pending, its status is derived from its charges');
end;

create trigger keep_charged_subscriptions before delete on subscriptions
when exists (select 1 from charges c where c.subscription_no = old.subscription_no)
begin
    select raise(abort, 'subscription: it has charges, so it stays');
end;

create trigger keep_order_subscription before update of subscription_no, period on orders
when (new.subscription_no is not old.subscription_no or new.period is not old.period)
    and exists (
        select 1 from payments p join order_numbers n on n.number = p.order_number
        where n.order_no = old.order_no
    )
begin
    select raise(abort, 'order: it has payments, so its terms stand; offer a new order');
end;
