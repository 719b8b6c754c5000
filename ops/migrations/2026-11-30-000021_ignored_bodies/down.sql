drop index bodies_ignored;
alter table bodies drop column ignored;
