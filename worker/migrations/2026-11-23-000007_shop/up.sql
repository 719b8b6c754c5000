-- An order's timeline looks for what was done to it, and the rules that a shop's SQL must keep, it keeps:
-- a time that no program can read would make every list of orders fail.
--
-- Only an index and a check of new rows are added, so workers of the version before may go on meanwhile.

set local search_path to quittance;

create index audit_by_subject on audit (subject);

alter table orders add constraint orders_times check (
    created_at between '0001-01-01 00:00:00+00' and '9999-12-31 23:59:59.999999+00'
    and cancelled_at between '0001-01-01 00:00:00+00' and '9999-12-31 23:59:59.999999+00'
) not valid;
