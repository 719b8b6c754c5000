drop index dead_letter_failures_by_item;
drop table replay_items;
drop table replay_jobs;
update dead_letters set state = 'open' where state = 'replaying';
