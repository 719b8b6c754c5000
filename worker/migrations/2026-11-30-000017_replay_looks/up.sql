-- Whoever runs a replay looks at it ten times a second, and counted all of its items each time. Now it looks
-- at the outcomes that came last, by an index in the order of their coming; and an item that died of a cause
-- that none of its job's letters had is marked by whoever buries it, as only then both are at hand.
--
-- A column with a default and three indexes on a table that only replays write: what decides an item waits
-- while they are built, a second for each million items or so. Workers of the version before may go on; what
-- they bury is not marked, so they notice a new cause as they did, and newer ones by its share alone: replay
-- once all workers are new.

set local search_path to quittance;

alter table replay_items add column new_cause boolean not null default false;

create index replay_items_by_group on replay_items (job_id, group_id);
create index replay_items_decided on replay_items (job_id, decided_at, place) where outcome <> 'skipped';

update replay_items i set new_cause = true
from dead_letter_failures f
where f.item = i.id and i.outcome = 'dead_again' and not exists (
    select from replay_items o where o.job_id = i.job_id and o.group_id = f.group_id);

create index replay_items_new_cause on replay_items (job_id) where new_cause;
