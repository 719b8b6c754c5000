-- Replaying dead letters is a job that outlives whoever asked for it: what it will touch is frozen when it
-- is planned, and each item records that it is about to be published before it is, so that after any crash
-- nobody has to guess.

create table replay_jobs (
    id           text primary key not null,
    state        text not null default 'planned' check (
        state in ('planned', 'running', 'paused', 'halted', 'cancelled', 'completed')
    ),
    -- What was asked for, in words.
    selection    text not null,
    planned_at   integer not null,
    planned_by   text not null,
    started_at   integer,
    started_by   text,
    reason       text,
    -- Letters a second.
    rate         integer not null default 10 check (rate > 0),
    -- So many go first, and the rest waits for their outcomes.
    canary       integer not null default 0 check (canary >= 0),
    -- It halts when more than so many in a hundred fail, or one fails in a new way; null: never.
    stop_percent integer check (stop_percent between 0 and 100),
    ended_at     integer,
    -- Why it halted.
    halted       text
) strict;
create index replay_jobs_running on replay_jobs (state, started_at);

create table replay_items (
    id         text primary key not null,
    job_id     text not null references replay_jobs (id),
    place      integer not null,
    letter_id  text not null references dead_letters (id),
    -- As they were when it was planned.
    group_id   text not null,
    failures   integer not null,
    -- What the rehearsal said.
    forecast   text not null,
    state      text not null default 'pending' check (
        state in ('pending', 'publishing', 'published', 'done')
    ),
    -- Written before each publish: more than one after a crash.
    publishes  integer not null default 0,
    -- Which worker is about to publish it.
    holder     text,
    outcome    text,
    decided_at integer,
    unique (job_id, place),
    check ((state = 'done') = (outcome is not null))
) strict;
create index replay_items_by_state on replay_items (job_id, state, place);
create index replay_items_by_letter on replay_items (letter_id);
create index dead_letter_failures_by_item on dead_letter_failures (item) where item is not null;
