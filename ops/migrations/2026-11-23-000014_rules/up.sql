-- Rules that the policy states and the schema did not keep yet: a time that no program can read would make
-- every list of orders or subscriptions fail, nothing is sold in XXX, a case is of a known kind, a status
-- only grows, and a fact stays. A rule cannot be added to a table of SQLite, so triggers keep them.

drop trigger keep_times_inserted;
drop trigger keep_times_updated;
create trigger keep_times_inserted before insert on orders
when new.created_at not between -62135596800000000 and 253402300799999999
    or new.cancelled_at not between -62135596800000000 and 253402300799999999
    or new.expires_at not between -62135596800000000 and 253402300799999999
begin
    select raise(abort, 'order: created_at, cancelled_at and expires_at are microseconds since 1970, in the years 1 to 9999');
end;
create trigger keep_times_updated before update of created_at, cancelled_at, expires_at on orders
when new.created_at not between -62135596800000000 and 253402300799999999
    or new.cancelled_at not between -62135596800000000 and 253402300799999999
    or new.expires_at not between -62135596800000000 and 253402300799999999
begin
    select raise(abort, 'order: created_at, cancelled_at and expires_at are microseconds since 1970, in the years 1 to 9999');
end;

create trigger keep_subscription_times_inserted before insert on subscriptions
when new.created_at not between -62135596800000000 and 253402300799999999
    or new.anchor not between -62135596800000000 and 253402300799999999
begin
    select raise(abort, 'subscription: created_at and anchor are microseconds since 1970, in the years 1 to 9999');
end;
create trigger keep_subscription_times_updated before update of created_at, anchor on subscriptions
when new.created_at not between -62135596800000000 and 253402300799999999
    or new.anchor not between -62135596800000000 and 253402300799999999
begin
    select raise(abort, 'subscription: created_at and anchor are microseconds since 1970, in the years 1 to 9999');
end;

create trigger begin_subscription_in_a_currency before insert on subscriptions when new.currency = 'XXX'
begin
    select raise(abort, 'subscription: XXX is no currency');
end;
create trigger keep_subscription_currency before update of currency on subscriptions
when new.currency = 'XXX'
begin
    select raise(abort, 'subscription: XXX is no currency');
end;
create trigger begin_subscription_in_days before insert on subscriptions
when new.period glob '*[^P0-9YMWD]*'
begin
    select raise(abort, 'subscription: a period is whole days, such as P1M');
end;
create trigger keep_subscription_in_days before update of period on subscriptions
when new.period glob '*[^P0-9YMWD]*'
begin
    select raise(abort, 'subscription: a period is whole days, such as P1M');
end;
create trigger begin_case before insert on cases
when new.amount < 0
    or new.kind not in ('amount_mismatch', 'wrong_payee', 'duplicate_payment', 'paid_after_cancel',
        'over_refund', 'refund_unconfirmed', 'unknown_order', 'dispute', 'unproven_payment')
begin
    select raise(abort, 'case: a known kind, and no negative amount');
end;
create trigger keep_case before update of kind, amount on cases
when new.amount < 0
    or new.kind not in ('amount_mismatch', 'wrong_payee', 'duplicate_payment', 'paid_after_cancel',
        'over_refund', 'refund_unconfirmed', 'unknown_order', 'dispute', 'unproven_payment')
begin
    select raise(abort, 'case: a known kind, and no negative amount');
end;

create trigger keep_payments before delete on payments
begin
    select raise(abort, 'a fact stays: it is neither deleted nor taken back');
end;
create trigger keep_refunds before delete on refunds
begin
    select raise(abort, 'a fact stays: it is neither deleted nor taken back');
end;
create trigger keep_refund_items before delete on refund_items
begin
    select raise(abort, 'a fact stays: it is neither deleted nor taken back');
end;
create trigger keep_disputes before delete on disputes
begin
    select raise(abort, 'a fact stays: it is neither deleted nor taken back');
end;
create trigger keep_agreement_changes before delete on agreement_changes
begin
    select raise(abort, 'a fact stays: it is neither deleted nor taken back');
end;
create trigger keep_fulfilments before delete on fulfilments
begin
    select raise(abort, 'a fact stays: it is neither deleted nor taken back');
end;
create trigger keep_letter_resolutions before delete on dead_letter_resolutions
begin
    select raise(abort, 'a fact stays: it is neither deleted nor taken back');
end;
create trigger keep_letter_resolutions_said before update on dead_letter_resolutions
begin
    select raise(abort, 'a fact stays: it is neither deleted nor taken back');
end;

-- Each word stands behind the weaker ones.
create trigger keep_payment_status before update of status on payments
when instr('pending authorised failed closed succeeded finished', new.status)
    between 1 and instr('pending authorised failed closed succeeded finished', old.status) - 1
begin
    select raise(abort, 'a fact stays: it is neither deleted nor taken back');
end;
create trigger keep_refund_status before update of status on refund_items
when instr('pending failed closed succeeded reversed', new.status)
    between 1 and instr('pending failed closed succeeded reversed', old.status) - 1
begin
    select raise(abort, 'a fact stays: it is neither deleted nor taken back');
end;
create trigger keep_dispute_status before update of status on disputes
when instr('opened won lost', new.status)
    between 1 and instr('opened won lost', old.status) - 1
begin
    select raise(abort, 'a fact stays: it is neither deleted nor taken back');
end;
