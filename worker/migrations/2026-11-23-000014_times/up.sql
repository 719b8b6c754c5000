-- What no program can read, nobody may write: an order that expires at infinity, or in the year 10000, made
-- every list of orders fail, and so did a subscription with such an anchor. And what import refuses of a
-- subscription, a shop's SQL is refused too: it is never charged in XXX.
--
-- Only checks of new rows are added, so workers of the version before may go on meanwhile.

set local search_path to quittance;

alter table orders add constraint orders_expiry check (
    expires_at between '0001-01-01 00:00:00+00' and '9999-12-31 23:59:59.999999+00'
) not valid;

alter table subscriptions add constraint subscriptions_times check (
    created_at between '0001-01-01 00:00:00+00' and '9999-12-31 23:59:59.999999+00'
    and anchor between '0001-01-01 00:00:00+00' and '9999-12-31 23:59:59.999999+00'
) not valid;

alter table subscriptions add constraint subscriptions_in_a_currency check (currency <> 'XXX') not valid;
