-- A number under which money came could be given to another order, and so could an order's own: the same money then
-- paid two orders. Now a number stays with its order once a payment stands under it, and its own always does.
--
-- Most programs open a SQLite file without its foreign keys, and `insert or replace` fires no trigger for what it
-- removes: a paid order could go in both ways, or begin anew as pending. What shops write, and what a fact is about,
-- is kept by triggers too.

create trigger begin_number before insert on order_numbers begin
    select raise(abort, 'number: there is no such order')
    where not exists (select 1 from orders o where o.order_no = new.order_no);
    select raise(abort, 'number: it is another order''s')
    where exists (
        select 1 from order_numbers n
        where n.number = new.number and n.order_no <> new.order_no
            and (n.number = n.order_no or exists (select 1 from payments p where p.order_number = n.number))
    );
end;
create trigger keep_number before update of number, order_no on order_numbers
when (new.number, new.order_no) <> (old.number, old.order_no)
begin
    select raise(abort, 'number: it is its order''s own, so it stays; offer a new order, or a further number of this one')
    where old.number = old.order_no;
    select raise(abort, 'number: it has payments, so it stays; offer a further number of the other order')
    where exists (select 1 from payments p where p.order_number = old.number);
    select raise(abort, 'number: it is given already')
    where new.number <> old.number and exists (select 1 from order_numbers n where n.number = new.number);
    select raise(abort, 'number: there is no such order')
    where not exists (select 1 from orders o where o.order_no = new.order_no);
end;
-- As for one that is new: a charge may stand under it.
create trigger note_moved_number after update of number on order_numbers begin
    insert or ignore into number_changes (number)
    select new.number where exists (
        select 1 from payments p
        where p.order_number = new.number and p.order_no is null and p.without_order
    );
end;
create trigger keep_deleted_number before delete on order_numbers
when exists (select 1 from orders o where o.order_no = old.order_no)
begin
    select raise(abort, 'number: it is its order''s own, so it stays; offer a new order, or a further number of this one')
    where old.number = old.order_no;
    select raise(abort, 'number: it has payments, so it stays; offer a further number of the other order')
    where exists (select 1 from payments p where p.order_number = old.number);
end;

create trigger keep_order_no before update of order_no on orders when new.order_no <> old.order_no
begin
    select raise(abort, 'order: its number stands; offer a new order, or a further number of this one');
end;
create trigger keep_paid_orders before delete on orders
when exists (
    select 1 from order_numbers n join payments p on p.order_number = n.number where n.order_no = old.order_no
)
begin
    select raise(abort, 'order: it has payments, so it stays');
end;
create trigger keep_replaced_orders after insert on orders
when exists (select 1 from payments p where p.order_no = new.order_no)
begin
    select raise(abort, 'order: it has payments, so it stays; do not replace it, update it');
end;
create trigger forget_numbers after delete on orders begin
    delete from order_numbers where order_no = old.order_no;
end;
-- A plain insert fails for a number or an agreement that is taken; one that replaces would remove what has charges.
create trigger keep_charged_subscription before insert on subscriptions
when exists (
    select 1 from subscriptions s join charges c on c.subscription_no = s.subscription_no
    where s.account = new.account and s.agreement_no = new.agreement_no and s.subscription_no <> new.subscription_no
) or exists (
    select 1 from subscriptions s join charges c on c.subscription_no = s.subscription_no
    where s.subscription_no = new.subscription_no
        and ((new.account, new.amount, new.currency, new.period, new.time_zone)
                <> (s.account, s.amount, s.currency, s.period, s.time_zone)
            or new.anchor is not s.anchor
            or (s.agreement_no is not null and new.agreement_no is not s.agreement_no))
)
begin
    select raise(abort, 'subscription: it has charges, so its terms stand; write a new subscription');
end;
create trigger keep_taken_subscription before update of subscription_no, account, agreement_no on subscriptions
when exists (
    select 1 from subscriptions s where s.subscription_no <> old.subscription_no
        and (s.subscription_no = new.subscription_no
            or (s.account = new.account and s.agreement_no = new.agreement_no))
)
begin
    select raise(abort, 'subscription: its number or its agreement is another one''s');
end;

create trigger begin_refunds before insert on refunds
when not exists (
    select 1 from payments p where p.account = new.account and p."transaction" = new."transaction"
)
begin
    select raise(abort, 'refund: there is no such payment');
end;
create trigger begin_refund_items before insert on refund_items
when not exists (
    select 1 from payments p where p.account = new.account and p."transaction" = new."transaction"
)
begin
    select raise(abort, 'refund: there is no such payment');
end;
create trigger begin_disputes before insert on disputes
when not exists (
    select 1 from payments p where p.account = new.account and p."transaction" = new."transaction"
)
begin
    select raise(abort, 'dispute: there is no such payment');
end;
create trigger begin_charges before insert on charges
when not exists (
    select 1 from payments p where p.account = new.account and p."transaction" = new."transaction"
)
begin
    select raise(abort, 'charge: there is no such payment');
end;
create trigger begin_case_notes before insert on case_notes
when not exists (select 1 from cases c where c.id = new.case_id)
begin
    select raise(abort, 'note: there is no such case');
end;
