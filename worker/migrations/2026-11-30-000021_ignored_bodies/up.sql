-- Bodies that state no fact, such as those of event types that nobody asked for, tell who paid as all others do, but
-- name nothing by which they could be erased. So they are marked, and end soon.
--
-- A column with a constant default, which rewrites nothing, and an index over the marked ones alone: whoever
-- records bodies waits while the table is read once for it, some seconds for each million bodies. Workers of the
-- version before may go on: they mark nothing, so what they record is kept as long as all others, as is what is
-- there already.

set local search_path to quittance;

alter table bodies add column ignored boolean not null default false;
create index bodies_ignored on bodies (message_id) where ignored;
