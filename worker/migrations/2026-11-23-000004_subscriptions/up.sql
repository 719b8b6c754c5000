-- Subscriptions: agreements that a payer signed, and charges that each pay for one period. Until now changes
-- of agreements were read and dropped, and a charge without an order became a case.
--
-- Tables, columns without a default and triggers are added, nothing is rewritten, no index is built over a
-- table that has rows. Workers of the version before may go on meanwhile: they wait for an order as before.

set local search_path to quittance;

-- The provider's number of the agreement that it was charged under.
alter table payments add column agreement text;
-- An order_no that is empty says from now on: it needs no order, a subscription's terms explain it.

-- Where a shop writes its subscriptions. What stands below `grace` is the workers' to write.
create table subscriptions (
    subscription_no text primary key
        check (subscription_no <> '' and octet_length(subscription_no) <= 128),
    account         text not null check (account <> ''),
    agreement_no    text check (agreement_no <> ''),
    amount          bigint not null check (amount > 0),
    currency        text not null check (currency ~ '^[A-Z]{3}$'),
    period          text not null check (
        period ~ '^P(\d+Y)?(\d+M)?(\d+W)?(\d+D)?$' and period ~ '[1-9]' and octet_length(period) <= 64
    ),
    anchor          timestamptz,
    time_zone       text not null default 'UTC'
        check (time_zone <> '' and octet_length(time_zone) <= 64),
    grace           text not null default 'P0D'
        check (grace like 'P%' and octet_length(grace) <= 64),
    status          text not null default 'pending' check (
        status in ('pending', 'active', 'past_due', 'ended', 'invalid')
    ),
    agreement       text,
    paid_through    timestamptz,
    entitled_until  timestamptz,
    failed_at       timestamptz,
    ended           text check (ended in ('run_out', 'unsigned')),
    -- When time alone will change it.
    due_at          timestamptz,
    created_at      timestamptz not null default now(),
    metadata        jsonb check (octet_length(metadata::text) <= 32768),
    -- One agreement is one subscription's.
    unique (account, agreement_no)
) with (fillfactor = 80);
create index subscriptions_by_age on subscriptions (created_at desc);
create index subscriptions_due on subscriptions (due_at) where due_at is not null;

-- What was said of each agreement, by whomever it is: nothing is changed, nothing is deleted.
create table agreement_changes (
    account         text not null,
    agreement       text not null check (agreement <> ''),
    what            text not null check (what in ('signed', 'charge_failed', 'ended')),
    occurred_at     timestamptz not null,
    -- Which attempt failed.
    charge          text not null default '',
    -- The shop's number, as the provider repeats it.
    subscription_no text not null default '',
    revival         text not null check (revival in ('never', 'by_later_time')),
    valid_until     timestamptz,
    created_at      timestamptz not null default now(),
    primary key (account, agreement, what, occurred_at, charge, subscription_no)
);
create index agreement_changes_by_subscription on agreement_changes (subscription_no);

-- Payments under an agreement, or for an order that extends a subscription. One row a transaction, so that each
-- extends one subscription once.
create table charges (
    account         text not null,
    transaction     text not null,
    agreement       text,
    -- Nothing: its agreement is no subscription's yet. It may name one that the shop has not written yet.
    subscription_no text,
    period          text,
    occurred_at     timestamptz not null,
    -- Is any of its money left?
    stands          boolean not null,
    -- The period that it pays for.
    starts_at       timestamptz,
    ends_at         timestamptz,
    primary key (account, transaction),
    foreign key (account, transaction) references payments,
    check ((starts_at is null) = (ends_at is null)),
    check (starts_at is null or (stands and starts_at < ends_at))
) with (fillfactor = 80);
create index charges_by_subscription on charges (subscription_no);
create index charges_by_agreement on charges (account, agreement);

-- What the sweep has to look at: subscriptions that were written, or to which an agreement was bound; and numbers
-- of charges under which an order appeared. A row each time, so that whoever adds one waits for nobody.
create table subscription_changes (
    id              bigint generated always as identity primary key,
    subscription_no text not null,
    -- Not before; nothing: at once.
    at              timestamptz,
    -- Look once more a moment later, for what another transaction was recording meanwhile.
    again           boolean not null default true
);
create table number_changes (
    id     bigint generated always as identity primary key,
    number text not null,
    at     timestamptz
);

create function note_subscription() returns trigger language plpgsql as $$
begin
    insert into quittance.subscription_changes (subscription_no) values (new.subscription_no);
    return null;
end $$;
create trigger note_subscription
    after insert or update of account, agreement_no, amount, currency, period, anchor, time_zone, grace
    on subscriptions for each row execute function note_subscription();

create function note_number() returns trigger language plpgsql as $$
begin
    insert into quittance.number_changes (number)
    select new.number where exists (
        select from quittance.payments p where p.order_number = new.number and p.order_no = ''
    );
    return null;
end $$;
create trigger note_number after insert on order_numbers for each row execute function note_number();

-- What derives a status says so; everybody else is refused.
create function keep_subscriptions() returns trigger language plpgsql as $$
begin
    if (new.status, new.agreement, new.paid_through, new.entitled_until, new.failed_at, new.ended, new.due_at)
        is distinct from
       (old.status, old.agreement, old.paid_through, old.entitled_until, old.failed_at, old.ended, old.due_at)
    then
        raise exception 'the status of subscription % is derived from its charges', old.subscription_no
            using errcode = 'check_violation';
    end if;
    return new;
end $$;
create trigger keep_subscriptions before update on subscriptions for each row
    when (current_setting('quittance.settling', true) is distinct from 'on')
    execute function keep_subscriptions();

-- This one holds for everybody: what was charged for was charged by these terms.
create function keep_subscription_terms() returns trigger language plpgsql as $$
begin
    if exists (select from quittance.charges c where c.subscription_no = old.subscription_no) then
        raise exception 'subscription % has charges, so its terms stand', old.subscription_no
            using errcode = 'check_violation', hint = 'write a new subscription';
    end if;
    return new;
end $$;
create trigger keep_subscription_terms before update on subscriptions for each row
    when ((new.subscription_no, new.account, new.amount, new.currency, new.period, new.anchor, new.time_zone)
              is distinct from
          (old.subscription_no, old.account, old.amount, old.currency, old.period, old.anchor, old.time_zone)
          or old.agreement_no is not null and new.agreement_no is distinct from old.agreement_no)
    execute function keep_subscription_terms();

create function begin_subscription() returns trigger language plpgsql as $$
begin
    raise exception 'subscription % must begin pending: its status is derived from its charges',
        new.subscription_no using errcode = 'check_violation';
end $$;
create trigger begin_subscription before insert on subscriptions for each row
    when ((new.status, new.agreement, new.paid_through, new.entitled_until, new.failed_at, new.ended, new.due_at)
          is distinct from ('pending', null::text, null::timestamptz, null::timestamptz, null::timestamptz,
                            null::text, null::timestamptz))
    execute function begin_subscription();

create function keep_charged_subscriptions() returns trigger language plpgsql as $$
begin
    if exists (select from quittance.charges c where c.subscription_no = old.subscription_no) then
        raise exception 'subscription % has charges, so it stays', old.subscription_no
            using errcode = 'foreign_key_violation';
    end if;
    return old;
end $$;
create trigger keep_charged_subscriptions before delete on subscriptions for each row
    execute function keep_charged_subscriptions();

-- What an order extends is one of its terms.
create function keep_order_subscription() returns trigger language plpgsql as $$
begin
    if exists (
        select from quittance.payments p join quittance.order_numbers n on n.number = p.order_number
        where n.order_no = old.order_no
    ) then
        raise exception 'order % has payments, so its terms stand', old.order_no
            using errcode = 'check_violation', hint = 'offer a new order';
    end if;
    return new;
end $$;
create trigger keep_order_subscription before update on orders for each row
    when ((new.subscription_no, new.period) is distinct from (old.subscription_no, old.period))
    execute function keep_order_subscription();
