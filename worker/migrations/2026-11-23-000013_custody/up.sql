-- What is missing must never be said of what is only late, and must be named when it is. Lanes count their
-- beats and idle moments instead of telling the time, markers that passed through a shard's queue are
-- recorded, and a window tells how far a fence has proven it. Receipts of windows that are complete are
-- counted once and go, so that the balance reads minutes, not years.
--
-- Columns are nullable or have a default, so workers of the version before may go on meanwhile: while they
-- do, their lanes tell nothing that counts, and so nothing is called missing.

set local search_path to quittance;

alter table lanes add column shard integer check (shard >= 0);
alter table lanes add column beats bigint not null default 0;
alter table lanes add column idles bigint not null default 0;

create table fences (
    fence     uuid not null,
    shard     integer not null check (shard >= 0),
    passed_at timestamptz not null,
    primary key (fence, shard)
);

-- Each holds where the window ended when it was closed or proven: a longer repeat opens it again.
alter table statements add column closed_to bigint;
alter table statements add column fenced_to bigint;
-- No statement about it was recorded, although one about what follows was.
alter table statements add column assumed boolean not null default false;
create index statements_open on statements (epoch, from_seq)
    where closed_to is distinct from to_seq;

alter table receipts add column lost_at timestamptz;

-- One row an epoch: its receipts up to a number, counted.
create table compacted (
    epoch     uuid primary key,
    through   bigint not null check (through > 0),
    settled   bigint not null check (settled >= 0),
    duplicate bigint not null check (duplicate >= 0),
    no_op     bigint not null check (no_op >= 0),
    cases     bigint not null check (cases >= 0)
);
