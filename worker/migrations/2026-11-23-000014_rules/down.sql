set local search_path to quittance;

drop trigger keep_dispute_status on disputes;
drop trigger keep_refund_status on refund_items;
drop trigger keep_payment_status on payments;
drop trigger keep_letter_resolutions on dead_letter_resolutions;
drop trigger keep_fulfilments on fulfilments;
drop trigger keep_agreement_changes on agreement_changes;
drop trigger keep_disputes on disputes;
drop trigger keep_refund_items on refund_items;
drop trigger keep_refunds on refunds;
drop trigger keep_payments on payments;
drop function keep_facts;
alter table cases drop constraint cases_amount;
alter table cases drop constraint cases_kind;
alter table subscriptions drop constraint subscriptions_in_a_currency;
alter table subscriptions drop constraint subscriptions_times;
alter table orders drop constraint orders_times;
alter table orders add constraint orders_times check (
    created_at between '0001-01-01 00:00:00+00' and '9999-12-31 23:59:59.999999+00'
    and cancelled_at between '0001-01-01 00:00:00+00' and '9999-12-31 23:59:59.999999+00'
) not valid;
