-- When each key of an account last verified something, so that a rotation can be seen to have arrived
-- before the old key goes. Written at most once a minute for each key: not a hot row.

set local search_path to quittance;

create table keys (
    account      text not null,
    key          text not null,
    last_used_at timestamptz not null,
    primary key (account, key)
) with (fillfactor = 50);
