-- A backup that is restored has older counts: what is announced afterwards would bear sequences and positions
-- that subscribers have seen with another content, and they would drop it. An operator raises them all; this
-- column does so for subjects that are new to the backup. Workers of the version before do not know it: they
-- count such subjects from 1, as they always did.

set local search_path to quittance;

alter table event_log_end add column sequences_after bigint not null default 0 check (sequences_after >= 0);
