-- Providers that name each refund, and disputes. Until now only cumulative totals were kept, which
-- cannot say that one refund of several was reversed, nor come before their payment.

-- Only refunds or disputes of the transaction are known: the row stands under the transaction's own
-- number, without money, until the payment itself is told.
alter table payments add column absent integer not null default 0 check (absent in (0, 1));

-- One row for each refund that a provider named: the strongest that was proven of it. What no
-- signature covers stands beside what is signed.
create table refund_items (
    account       text not null,
    "transaction" text not null,
    refund        text not null check (refund <> '' and length(cast(refund as blob)) <= 256),
    evidence      text not null check (evidence in ('hint', 'signed')),
    status        text not null check (
        status in ('pending', 'failed', 'closed', 'succeeded', 'reversed')
    ),
    amount        integer not null check (amount >= 0),
    currency      text not null check (currency glob '[A-Z][A-Z][A-Z]'),
    refund_no     text not null default '',
    occurred_at   integer not null,
    primary key (account, "transaction", refund, evidence),
    foreign key (account, "transaction") references payments
) strict, without rowid;

create table disputes (
    account       text not null,
    "transaction" text not null,
    dispute       text not null check (dispute <> '' and length(cast(dispute as blob)) <= 256),
    status        text not null check (status in ('opened', 'won', 'lost')),
    amount        integer not null check (amount >= 0),
    currency      text not null check (currency glob '[A-Z][A-Z][A-Z]'),
    occurred_at   integer not null,
    primary key (account, "transaction", dispute),
    foreign key (account, "transaction") references payments
) strict, without rowid;
