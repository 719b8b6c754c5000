set local search_path to quittance;

alter table subscriptions drop constraint subscriptions_in_a_currency;
alter table subscriptions drop constraint subscriptions_times;
alter table orders drop constraint orders_expiry;
