-- When each key of an account last verified something, so that a rotation can be seen to have arrived
-- before the old key goes.

create table keys (
    account      text not null,
    key          text not null,
    last_used_at integer not null,
    primary key (account, key)
) strict, without rowid;
