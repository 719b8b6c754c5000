set local search_path to quittance;

alter table bodies drop column unopened_at;
drop index subscriptions_with_metadata;
drop index orders_with_metadata;
