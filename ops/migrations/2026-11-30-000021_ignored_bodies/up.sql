-- Bodies that state no fact, such as those of event types that nobody asked for, tell who paid as all others do, but
-- name nothing by which they could be erased. So they are marked, and end soon. What is there already is kept as
-- long as all others.

alter table bodies add column ignored integer not null default 0 check (ignored in (0, 1));
create index bodies_ignored on bodies (message_id) where ignored = 1;
