-- What shops write beside an order or a subscription may be personal, so it may have an end too: the sweep
-- finds the oldest by an index over those that have any. And a body whose key does not open is set aside, so
-- that it holds up no other.

create index orders_with_metadata on orders (created_at) where metadata is not null;
create index subscriptions_with_metadata on subscriptions (created_at) where metadata is not null;
alter table bodies add column unopened_at integer;
