drop trigger keep_subscription_in_days;
drop trigger begin_subscription_in_days;
drop trigger keep_dispute_status;
drop trigger keep_refund_status;
drop trigger keep_payment_status;
drop trigger keep_letter_resolutions_said;
drop trigger keep_letter_resolutions;
drop trigger keep_fulfilments;
drop trigger keep_agreement_changes;
drop trigger keep_disputes;
drop trigger keep_refund_items;
drop trigger keep_refunds;
drop trigger keep_payments;
drop trigger keep_case;
drop trigger begin_case;
drop trigger keep_subscription_currency;
drop trigger begin_subscription_in_a_currency;
drop trigger keep_subscription_times_updated;
drop trigger keep_subscription_times_inserted;
drop trigger keep_times_updated;
drop trigger keep_times_inserted;
create trigger keep_times_inserted before insert on orders
when new.created_at not between -62135596800000000 and 253402300799999999
    or new.cancelled_at not between -62135596800000000 and 253402300799999999
begin
    select raise(abort, 'order: created_at and cancelled_at are microseconds since 1970, in the years 1 to 9999');
end;

create trigger keep_times_updated before update of created_at, cancelled_at on orders
when new.created_at not between -62135596800000000 and 253402300799999999
    or new.cancelled_at not between -62135596800000000 and 253402300799999999
begin
    select raise(abort, 'order: created_at and cancelled_at are microseconds since 1970, in the years 1 to 9999');
end;
