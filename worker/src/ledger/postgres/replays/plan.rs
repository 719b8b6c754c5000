//! Plans: what is frozen, started as it was, and steered.

use diesel::sql_types::{Array, BigInt, Integer, Nullable, Text, Timestamptz, Uuid as SqlUuid};
use diesel_async::{AsyncConnection as _, AsyncPgConnection, RunQueryDsl as _};
use time::OffsetDateTime;
use uuid::Uuid;

use crate::ledger::LedgerError;
use crate::ledger::postgres::orders;
use crate::ledger::records::Act;
use crate::ledger::replays::{
    Course, JobState, PLAN_FORGOTTEN, PLAN_KEEPS, PlannedItem, Started, Steer, Steered,
};

statement!(
    /// Plans that nobody started, held: one that is being started meanwhile is not among them.
    Old { before: Timestamptz = OffsetDateTime } -> (SqlUuid) = "
    select id from replay_jobs where state = 'planned' and planned_at < ? for update skip locked"
);

statement!(
    ForgetItems { jobs: Array<SqlUuid> = [Uuid] } -> () = "
    delete from replay_items where job_id = any(?::uuid[])"
);

statement!(
    Forget { jobs: Array<SqlUuid> = [Uuid] } -> () = "
    delete from replay_jobs where id = any(?::uuid[])"
);

statement!(
    Plan { id: SqlUuid = Uuid, selection: Text = str, now: Timestamptz = OffsetDateTime, by: Text = str } -> () = "
    insert into replay_jobs (id, selection, planned_at, planned_by) values (?, ?, ?, ?)"
);

statement!(
    Items {
        job: SqlUuid = Uuid,
        ids: Array<SqlUuid> = [Uuid],
        places: Array<Integer> = [i32],
        letters: Array<SqlUuid> = [Uuid],
        groups: Array<SqlUuid> = [Uuid],
        failures: Array<BigInt> = [i64],
        forecasts: Array<Text> = [String],
    } -> () = "
    insert into replay_items
        (id, job_id, place, letter_id, group_id, failures, forecast, state, outcome)
    select t.i, job.id, t.p, t.l, t.g, t.n, t.f,
           case when t.f = 'skipped' then 'done' else 'pending' end,
           case when t.f = 'skipped' then 'skipped' end
    from (select ?::uuid as id) as job,
         unnest(?::uuid[], ?::int[], ?::uuid[], ?::uuid[], ?::bigint[], ?::text[])
             as t (i, p, l, g, n, f)"
);

statement!(
    Hold { id: SqlUuid = Uuid } -> (Text, Timestamptz) = "
    select state, planned_at from replay_jobs where id = ? for update"
);

statement!(
    /// Those that are to be published, held.
    Letters { id: SqlUuid = Uuid } -> (SqlUuid) = "
    select d.id from replay_items i join dead_letters d on d.id = i.letter_id
    where i.job_id = ? and i.state = 'pending' order by d.identity for update of d"
);

statement!(
    Changed { id: SqlUuid = Uuid } -> (BigInt) = "
    select count(*) from replay_items i join dead_letters d on d.id = i.letter_id
    where i.job_id = ? and i.state = 'pending' and not (
        d.state = 'open'
        and (select count(*) from dead_letter_failures f where f.letter_id = d.id) = i.failures
        and exists (select from bodies b where b.message_id = d.id and b.redacted_at is null))"
);

statement!(
    Take { letters: Array<SqlUuid> = [Uuid] } -> () = "
    update dead_letters d set state = 'replaying' from unnest(?::uuid[]) as t (i) where d.id = t.i"
);

statement!(
    Start {
        now: Timestamptz = OffsetDateTime,
        by: Text = str,
        reason: Text = str,
        rate: Integer = i32,
        canary: Integer = i32,
        stop: Nullable<Integer> = Option<i32>,
        id: SqlUuid = Uuid,
    } -> () = "
    update replay_jobs set state = 'running', started_at = ?, started_by = ?, reason = ?, rate = ?,
           canary = ?, stop_percent = ?
    where id = ?"
);

statement!(
    /// After a halt it is judged by what is decided from then on.
    Turn {
        to: Text = str,
        rate: Nullable<Integer> = Option<i32>,
        now: Timestamptz = OffsetDateTime,
        id: SqlUuid = Uuid,
    } -> () = "
    update replay_jobs j
    set judged_from = case when j.state <> t.state and j.state = 'halted'
                           then (select max(i.decided_at) from replay_items i where i.job_id = j.id)
                           else j.judged_from end,
        state = t.state,
        rate = coalesce(t.rate, j.rate),
        ended_at = case when t.state = 'cancelled' then t.at end
    from (select ?::text as state, ?::integer as rate, ?::timestamptz as at, ?::uuid as id) as t
    where j.id = t.id"
);

statement!(
    /// What was not confirmed is open again; what was is not called back. The letters of a plan that was never
    /// started are not its own: another job may be replaying them.
    Drop {
        id: SqlUuid = Uuid,
        now: Timestamptz = OffsetDateTime,
        before: Text = str,
    } -> () = "
    with asked as (select ?::uuid as id, ?::timestamptz as at, ?::text as before),
    dropped as (
        update replay_items i set state = 'done', outcome = 'skipped', decided_at = asked.at
        from asked where i.job_id = asked.id and i.state in ('pending', 'publishing')
        returning i.letter_id
    )
    update dead_letters d set state = 'open' from dropped, asked
    where d.id = dropped.letter_id and d.state = 'replaying' and asked.before <> 'planned'"
);

pub(super) async fn plan(
    conn: &mut AsyncPgConnection,
    (id, selection): (Uuid, &str),
    items: &[PlannedItem],
    by: &Act,
    now: OffsetDateTime,
) -> Result<(), LedgerError> {
    conn.transaction(async |conn| {
        let old: Vec<Uuid> = Old { before: &(now - PLAN_FORGOTTEN) }.load(conn).await?;
        if !old.is_empty() {
            ForgetItems { jobs: &old }.execute(conn).await?;
            Forget { jobs: &old }.execute(conn).await?;
        }
        Plan { id: &id, selection, now: &now, by: &by.actor }.execute(conn).await?;
        let all = Items {
            job: &id,
            ids: &items.iter().map(|item| item.id).collect::<Vec<_>>(),
            places: &(0..).take(items.len()).collect::<Vec<i32>>(),
            letters: &items.iter().map(|item| item.letter).collect::<Vec<_>>(),
            groups: &items.iter().map(|item| item.group).collect::<Vec<_>>(),
            failures: &items.iter().map(|item| item.failures).collect::<Vec<_>>(),
            forecasts: &items
                .iter()
                .map(|item| item.forecast.as_str().to_owned())
                .collect::<Vec<_>>(),
        };
        all.execute(conn).await?;
        Ok(())
    })
    .await
}

pub(super) async fn start(
    conn: &mut AsyncPgConnection,
    id: Uuid,
    course: &Course,
    by: &Act,
    now: OffsetDateTime,
) -> Result<Started, LedgerError> {
    conn.transaction(async |conn| {
        let letters: Vec<Uuid> = Letters { id: &id }.load(conn).await?;
        let Some((state, planned_at)) = hold(conn, id).await? else {
            return Ok(Started::NotFound);
        };
        if state != JobState::Planned {
            return Ok(Started::NotPlanned(state));
        }
        if planned_at + PLAN_KEEPS < now {
            return Ok(Started::Old);
        }
        let changed: i64 = Changed { id: &id }.get_result(conn).await?;
        if changed > 0 {
            return Ok(Started::Stale { changed });
        }
        Take { letters: &letters }.execute(conn).await?;
        let Course { rate, canary, stop_percent } = course;
        let start = Start {
            now: &now,
            by: &by.actor,
            reason: &by.reason,
            rate,
            canary,
            stop: stop_percent,
            id: &id,
        };
        start.execute(conn).await?;
        orders::note(conn, by, now).await?;
        Ok(Started::Done)
    })
    .await
}

pub(super) async fn steer(
    conn: &mut AsyncPgConnection,
    id: Uuid,
    steer: Steer,
    by: &Act,
    now: OffsetDateTime,
) -> Result<Steered, LedgerError> {
    conn.transaction(async |conn| {
        let _: Vec<Uuid> = Letters { id: &id }.load(conn).await?;
        let Some((state, _)) = hold(conn, id).await? else { return Ok(Steered::NotFound) };
        let Some(to) = state.after(steer) else { return Ok(Steered::Not(state)) };
        Turn { to: to.as_str(), rate: &steer.rate(), now: &now, id: &id }.execute(conn).await?;
        if to == JobState::Cancelled {
            Drop { id: &id, now: &now, before: state.as_str() }.execute(conn).await?;
        }
        orders::note(conn, by, now).await?;
        Ok(Steered::Done)
    })
    .await
}

async fn hold(
    conn: &mut AsyncPgConnection,
    id: Uuid,
) -> Result<Option<(JobState, OffsetDateTime)>, LedgerError> {
    let held: Vec<(String, OffsetDateTime)> = Hold { id: &id }.load(conn).await?;
    let known = |(state, at): (String, OffsetDateTime)| Some((JobState::from_word(&state)?, at));
    Ok(held.into_iter().next().and_then(known))
}
