-- Back to cases that only facts end; what people decided is forgotten.
drop trigger keep_mode_and_expiry;
drop trigger keep_expiry;
drop trigger keep_a_currency;
drop trigger begin_in_a_currency;
drop table case_notes;
drop table case_resolutions;
drop index orders_to_expire;
alter table cases drop column policy;
alter table cases drop column owner;
alter table cases drop column resolution;
alter table payments drop column mode;
alter table payments drop column named_only;
alter table orders drop column mode;
