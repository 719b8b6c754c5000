set local search_path to quittance;

drop index replay_items_new_cause;
drop index replay_items_decided;
drop index replay_items_by_group;
alter table replay_items drop column new_cause;
