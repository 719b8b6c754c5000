-- Rules that the policy states and the schema did not keep yet: a time that no program can read would make
-- every list of orders or subscriptions fail, nothing is sold in XXX, a case is of a known kind, a status
-- only grows, and a fact stays.
--
-- Checks look at new rows alone, and what the triggers refuse no worker does, so workers of the version
-- before may go on meanwhile. Tables are taken in the order in which workers lock them.

set local search_path to quittance;

create function keep_facts() returns trigger language plpgsql as $$
begin
    raise exception 'a fact stays: it is neither deleted nor taken back'
        using errcode = 'check_violation';
end $$;
create trigger keep_letter_resolutions before update or delete on dead_letter_resolutions for each row
    execute function keep_facts();

alter table orders drop constraint orders_times;
alter table orders add constraint orders_times check (
    created_at between '0001-01-01 00:00:00+00' and '9999-12-31 23:59:59.999999+00'
    and cancelled_at between '0001-01-01 00:00:00+00' and '9999-12-31 23:59:59.999999+00'
    and expires_at between '0001-01-01 00:00:00+00' and '9999-12-31 23:59:59.999999+00'
) not valid;

create trigger keep_payments before delete on payments for each row execute function keep_facts();
create trigger keep_refunds before delete on refunds for each row execute function keep_facts();
create trigger keep_refund_items before delete on refund_items for each row execute function keep_facts();
create trigger keep_disputes before delete on disputes for each row execute function keep_facts();
-- Each word stands behind the weaker ones.
create trigger keep_payment_status before update on payments for each row
    when (strpos('pending authorised failed closed succeeded finished', new.status)
          between 1 and strpos('pending authorised failed closed succeeded finished', old.status) - 1)
    execute function keep_facts();
create trigger keep_refund_status before update on refund_items for each row
    when (strpos('pending failed closed succeeded reversed', new.status)
          between 1 and strpos('pending failed closed succeeded reversed', old.status) - 1)
    execute function keep_facts();
create trigger keep_dispute_status before update on disputes for each row
    when (strpos('opened won lost', new.status)
          between 1 and strpos('opened won lost', old.status) - 1)
    execute function keep_facts();
create trigger keep_fulfilments before delete on fulfilments for each row execute function keep_facts();

create trigger keep_agreement_changes before delete on agreement_changes for each row
    execute function keep_facts();
alter table subscriptions add constraint subscriptions_times check (
    created_at between '0001-01-01 00:00:00+00' and '9999-12-31 23:59:59.999999+00'
    and anchor between '0001-01-01 00:00:00+00' and '9999-12-31 23:59:59.999999+00'
) not valid;
alter table subscriptions add constraint subscriptions_in_a_currency check (currency <> 'XXX') not valid;

alter table cases add constraint cases_kind check (
    kind in ('amount_mismatch', 'wrong_payee', 'duplicate_payment', 'paid_after_cancel', 'over_refund',
             'refund_unconfirmed', 'unknown_order', 'dispute', 'unproven_payment')
) not valid;
alter table cases add constraint cases_amount check (amount >= 0) not valid;
