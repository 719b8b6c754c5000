-- Migrations go forward only; this one forgets what people decided.
set local search_path to quittance;
drop trigger keep_expiry on orders;
drop trigger note_expiry on orders;
drop trigger note_changed_expiry on orders;
drop function keep_expiry;
drop function note_expiry;
drop table expirations;
drop table case_notes;
drop table case_resolutions;
drop function keep_resolutions;
alter table cases drop column policy, drop column owner, drop column resolution;
alter table payments drop column mode, drop column named_only;
alter table orders drop constraint orders_in_a_currency;
alter table orders drop column mode;
