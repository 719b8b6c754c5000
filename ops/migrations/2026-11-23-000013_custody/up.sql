-- What is missing must never be said of what is only late, and must be named when it is: as on PostgreSQL.

alter table lanes add column shard integer;
alter table lanes add column beats integer not null default 0;
alter table lanes add column idles integer not null default 0;

create table fences (
    fence     text not null,
    shard     integer not null check (shard >= 0),
    passed_at integer not null,
    primary key (fence, shard)
) strict, without rowid;

-- Each holds where the window ended when it was closed or proven: a longer repeat opens it again.
alter table statements add column closed_to integer;
alter table statements add column fenced_to integer;
-- No statement about it was recorded, although one about what follows was.
alter table statements add column assumed integer not null default 0;

alter table receipts add column lost_at integer;

-- One row an epoch: its receipts up to a number, counted.
create table compacted (
    epoch     text not null primary key,
    through   integer not null check (through > 0),
    settled   integer not null check (settled >= 0),
    duplicate integer not null check (duplicate >= 0),
    no_op     integer not null check (no_op >= 0),
    cases     integer not null check (cases >= 0)
) strict, without rowid;
