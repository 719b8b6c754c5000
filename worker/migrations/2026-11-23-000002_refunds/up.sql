-- Providers that name each refund, and disputes. Until now only cumulative totals were kept, which
-- cannot say that one refund of several was reversed, nor come before their payment.
--
-- Only tables and a column are added, so workers of the version before may go on meanwhile.

set local search_path to quittance;

-- Only refunds or disputes of the transaction are known: the row stands under the transaction's own
-- number, without money, until the payment itself is told. So whoever is first inserts the row, and
-- whoever is second, at the same moment, meets it: neither misses the other.
alter table payments add column absent boolean not null default false;

-- One row for each refund that a provider named: the strongest that was proven of it. What no
-- signature covers stands beside what is signed.
create table refund_items (
    account     text not null,
    transaction text not null,
    refund      text not null check (refund <> '' and octet_length(refund) <= 256),
    evidence    text not null check (evidence in ('hint', 'signed')),
    status      text not null check (
        status in ('pending', 'failed', 'closed', 'succeeded', 'reversed')
    ),
    amount      bigint not null check (amount >= 0),
    currency    text not null check (currency ~ '^[A-Z]{3}$'),
    refund_no   text not null default '',
    occurred_at timestamptz not null,
    primary key (account, transaction, refund, evidence),
    foreign key (account, transaction) references payments
) with (fillfactor = 90);

create table disputes (
    account     text not null,
    transaction text not null,
    dispute     text not null check (dispute <> '' and octet_length(dispute) <= 256),
    status      text not null check (status in ('opened', 'won', 'lost')),
    amount      bigint not null check (amount >= 0),
    currency    text not null check (currency ~ '^[A-Z]{3}$'),
    occurred_at timestamptz not null,
    primary key (account, transaction, dispute),
    foreign key (account, transaction) references payments
) with (fillfactor = 90);
