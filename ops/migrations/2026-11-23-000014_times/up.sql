-- What no program can read, nobody may write: an order that expires in the year 10000 made every list of
-- orders fail, and so did a subscription with such an anchor. And what import refuses of a subscription, a
-- shop's SQL is refused too: it is never charged in XXX, nor each hour. Triggers keep it, as a rule cannot be
-- added to a table of SQLite.

create trigger keep_expiry_inserted before insert on orders
when new.expires_at not between -62135596800000000 and 253402300799999999
begin
    select raise(abort, 'order: expires_at is microseconds since 1970, in the years 1 to 9999');
end;

create trigger keep_expiry_updated before update of expires_at on orders
when new.expires_at not between -62135596800000000 and 253402300799999999
begin
    select raise(abort, 'order: expires_at is microseconds since 1970, in the years 1 to 9999');
end;

create trigger keep_subscription_inserted before insert on subscriptions
when new.created_at not between -62135596800000000 and 253402300799999999
    or new.anchor not between -62135596800000000 and 253402300799999999
    or new.currency = 'XXX'
    or new.period glob '*[^P0-9YMWD]*'
begin
    select raise(abort, 'subscription: created_at and anchor are microseconds since 1970, in the years 1 to 9999; XXX is no currency; a period is whole days, such as P1M');
end;

create trigger keep_subscription_updated before update of created_at, anchor, currency, period on subscriptions
when new.created_at not between -62135596800000000 and 253402300799999999
    or new.anchor not between -62135596800000000 and 253402300799999999
    or new.currency = 'XXX'
    or new.period glob '*[^P0-9YMWD]*'
begin
    select raise(abort, 'subscription: created_at and anchor are microseconds since 1970, in the years 1 to 9999; XXX is no currency; a period is whole days, such as P1M');
end;
