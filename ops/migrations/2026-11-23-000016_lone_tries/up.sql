-- Which deliveries were about to be read alone when their reader died: as on PostgreSQL.

create table lone_tries (
    message_id text not null primary key,
    -- One delivery: the lane that holds it, and its number there.
    lane       text not null,
    tag        integer not null,
    tries      integer not null check (tries > 0),
    tried_at   integer not null
) strict, without rowid;
