-- Whoever runs a replay looks at it ten times a second, and counted all of its items each time. Now it looks
-- at the outcomes that came last, by an index in the order of their coming; and an item that died of a cause
-- that none of its job's letters had is marked by whoever buries it, as only then both are at hand.

alter table replay_items add column new_cause integer not null default 0 check (new_cause in (0, 1));

create index replay_items_by_group on replay_items (job_id, group_id);
create index replay_items_decided on replay_items (job_id, decided_at, place) where outcome <> 'skipped';

update replay_items as i set new_cause = 1
where i.outcome = 'dead_again' and exists (
    select 1 from dead_letter_failures f
    where f.item = i.id and not exists (
        select 1 from replay_items o where o.job_id = i.job_id and o.group_id = f.group_id));

create index replay_items_new_cause on replay_items (job_id) where new_cause;
