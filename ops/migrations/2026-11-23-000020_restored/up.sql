-- A backup that is restored has older counts: what is announced afterwards would bear sequences and positions
-- that subscribers have seen with another content. An operator raises them all; this column does so for
-- subjects that are new to the backup.

alter table event_log add column sequences_after integer not null default 0 check (sequences_after >= 0);
