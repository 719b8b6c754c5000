set local search_path to quittance;

drop index bodies_ignored;
alter table bodies drop column ignored;
