-- A number under which money came could be given to another order, and so could an order's own: the same money then
-- paid two orders. Now a number stays with its order once a payment stands under it, and its own always does.
--
-- A trigger on a table that only shops write: it waits for the end of what writes numbers at this moment. A worker of
-- the version before may join a payment while its number goes; the new ones look once more where they write it.

set local search_path to quittance;

create function keep_numbers() returns trigger language plpgsql as $$
begin
    -- Held as the workers hold it: a payment that is being joined is there when this goes on.
    perform from quittance.orders where order_no = old.order_no for update;
    if not found then
        -- It goes with its order.
        return old;
    end if;
    if old.number = old.order_no then
        raise exception 'number % is the own number of its order, so it stays', old.number
            using errcode = 'check_violation', hint = 'offer a new order, or a further number of this one';
    end if;
    if exists (select from quittance.payments where order_number = old.number) then
        raise exception 'number % has payments, so it stays with order %', old.number, old.order_no
            using errcode = 'check_violation', hint = 'offer a further number of the other order';
    end if;
    return case tg_op when 'UPDATE' then new else old end;
end $$;
create trigger keep_numbers before update on order_numbers for each row
    when ((new.number, new.order_no) is distinct from (old.number, old.order_no))
    execute function keep_numbers();
-- As for one that is new: a charge may stand under it.
create trigger note_moved_number after update of number on order_numbers for each row
    execute function note_number();
create trigger keep_deleted_numbers before delete on order_numbers for each row
    execute function keep_numbers();
