set local search_path to quittance;

drop trigger keep_order_subscription on orders;
drop trigger note_number on order_numbers;
drop table number_changes, subscription_changes, charges, agreement_changes, subscriptions;
drop function note_subscription, note_number, keep_subscriptions, keep_subscription_terms, begin_subscription,
    keep_charged_subscriptions, keep_order_subscription;
update payments set order_no = null where order_no = '';
alter table payments drop column agreement;
