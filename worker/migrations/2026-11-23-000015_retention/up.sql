-- What shops write beside an order or a subscription may be personal, so it may have an end too: the sweep
-- finds the oldest by an index over those that have any. Nothing that a payment changes stands in it, so
-- payments stay cheap. And a body whose key does not open is set aside, so that it holds up no other.
--
-- A column without a default, and two indexes: writers of orders wait while they are built, a second for
-- each million orders or so. Workers of the version before may go on.

set local search_path to quittance;

create index orders_with_metadata on orders (created_at) where metadata is not null;
create index subscriptions_with_metadata on subscriptions (created_at) where metadata is not null;
alter table bodies add column unopened_at timestamptz;
