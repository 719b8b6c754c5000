-- An order's timeline looks for what was done to it, and the rules that a shop's SQL must keep, it keeps:
-- a time that no program can read would make every list of orders fail. A rule cannot be added to a
-- table of SQLite, so triggers keep it: microseconds of the years 1 to 9999.

create index audit_by_subject on audit (subject);

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
