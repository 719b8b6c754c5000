-- The broker counts how often a delivery came back, and a lost connection counts as much as a reader that the
-- message killed. So before a delivery that came back is read alone, that is written down; the row goes once it
-- has ended, whatever came of it. What stays are tries of which the reader died.
--
-- Workers of the version before know nothing of it and bury by the broker's count, as they did.

set local search_path to quittance;

create table lone_tries (
    message_id text primary key,
    -- One delivery: the lane that holds it, and its number there.
    lane       uuid not null,
    tag        bigint not null,
    tries      integer not null check (tries > 0),
    tried_at   timestamptz not null
);
