//! The balance: everything that ingresses accepted, and where it stands.

use diesel::prelude::*;
use diesel::sql_types::{BigInt, Nullable};
use time::{Duration, OffsetDateTime};
use worker::ledger::Bucket;
use worker::ledger::records::Balance;

use super::fault::Result;
use crate::embedded::schema::{lanes, receipts};
use crate::embedded::values::{self, micros, word};

/// A lane that has not told of itself for this long is gone.
const LANE_GONE: Duration = Duration::seconds(30);
/// How long after its due time a retried message may still be on its way.
const OVERDUE: Duration = Duration::seconds(60);
/// How long every lane must have been idle after a claim before what it names is missed.
const FENCE: Duration = Duration::seconds(2);

/// What was stated: how much, how much of that bears a receipt, and when what bears none was.
#[derive(QueryableByName)]
struct Stated {
    #[diesel(sql_type = BigInt)]
    claimed: i64,
    #[diesel(sql_type = BigInt)]
    received: i64,
    #[diesel(sql_type = Nullable<BigInt>)]
    missing_since: Option<i64>,
}

const STATED: &str = "
    select coalesce(sum(claimed), 0) as claimed, coalesce(sum(received), 0) as received,
        max(case when received < claimed then recorded_at end) as missing_since
    from (
        select s.recorded_at, s.to_seq - s.from_seq - json_array_length(s.holes) as claimed, (
            select count(*) from receipts r
            where r.epoch = s.epoch and r.seq > s.from_seq and r.seq <= s.to_seq
                and not exists (select 1 from json_each(s.holes) h where h.value = r.seq)
        ) as received
        from statements s
    )";

#[derive(QueryableByName)]
struct Count {
    #[diesel(sql_type = BigInt)]
    count: i64,
}

const UNPROVEN: &str = "
    select count(*) as count
    from receipts r
    left join (select epoch, max(to_seq) as stated from statements group by epoch) s
        on s.epoch = r.epoch
    where r.seq > coalesce(s.stated, 0)";

pub(super) fn balance(connection: &mut SqliteConnection, now: OffsetDateTime) -> Result<Balance> {
    let mut balance = receipts_by_bucket(connection)?;
    let unproven: Count = diesel::sql_query(UNPROVEN).get_result(connection)?;
    balance.unproven = unproven.count;
    let stated: Stated = diesel::sql_query(STATED).get_result(connection)?;
    let (overdue, due_at): (i64, Option<i64>) = receipts::table
        .filter(receipts::bucket.eq(Bucket::Retrying.as_str()))
        .filter(receipts::due_at.lt(micros(now - OVERDUE)))
        .select((diesel::dsl::count_star(), diesel::dsl::max(receipts::due_at)))
        .get_result(connection)?;
    let never_received = stated.claimed - stated.received;
    balance.accepted += never_received;
    balance.in_flight += never_received;
    for (missing, since) in [(never_received, stated.missing_since), (overdue, due_at)] {
        if let Some(since) = since
            && idle_since(connection, now)?.is_some_and(|idle| idle > since + fence())
        {
            balance.in_flight -= missing;
            balance.unaccounted += missing;
        }
    }
    Ok(balance)
}

fn receipts_by_bucket(connection: &mut SqliteConnection) -> Result<Balance> {
    let rows: Vec<(String, i64)> = receipts::table
        .group_by(receipts::bucket)
        .select((receipts::bucket, diesel::dsl::count_star()))
        .load(connection)?;
    Ok(rows.into_iter().try_fold(Balance::default(), add)?)
}

fn add(mut balance: Balance, (bucket, count): (String, i64)) -> values::Result<Balance> {
    let of = match word("bucket", &bucket, Bucket::from_word)? {
        Bucket::Duplicate => &mut balance.duplicate,
        Bucket::NoOp => &mut balance.no_op,
        Bucket::Settled => &mut balance.settled,
        Bucket::Case => &mut balance.case,
        Bucket::Dead => &mut balance.dead,
        Bucket::Waiting | Bucket::Retrying => &mut balance.in_flight,
    };
    *of += count;
    balance.accepted += count;
    Ok(balance)
}

/// Since when every living lane was idle at least once; nothing when one was not, or none lives.
fn idle_since(connection: &mut SqliteConnection, now: OffsetDateTime) -> Result<Option<i64>> {
    let lanes: Vec<Option<i64>> = lanes::table
        .filter(lanes::beat_at.gt(micros(now - LANE_GONE)))
        .select(lanes::idle_at)
        .load(connection)?;
    let idle: Option<Vec<i64>> = lanes.into_iter().collect();
    Ok(idle.and_then(|idle| idle.into_iter().min()))
}

fn fence() -> i64 {
    i64::try_from(FENCE.whole_microseconds()).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use shared::message::Number;
    use shared::message::statement::Statement;
    use uuid::Uuid;
    use worker::ledger::{Session as _, Work};

    use crate::embedded::ledger::trial::{NOW, Trial, paid};

    /// Numbers 1 to 4, of which 2 is a hole; 1 and 3 settle, 4 does as well unless it is stolen.
    async fn told(stolen: bool) -> Trial {
        let mut trial = Trial::with_order("A").await;
        let mut batch = vec![];
        for (seq, identity) in [(1, "n1"), (2, "n2"), (3, "n3"), (4, "n4")] {
            let work = trial.message(identity, Some(paid("A", "T1")));
            if seq != 2 && !(stolen && seq == 4) {
                batch.push(work);
            }
        }
        let holes = vec![2];
        let statement = Statement { epoch: trial.epoch, from: 0, to: 4, holes };
        batch.push(Work::Statement(statement));
        trial.settle(&batch).await.unwrap();
        trial
    }

    #[tokio::test]
    async fn what_was_stated_and_received_adds_up() {
        let mut trial = told(false).await;
        let balance = trial.session.balance(NOW).await.unwrap();
        assert_eq!((balance.accepted, balance.settled, balance.duplicate), (3, 1, 2));
        assert!(balance.adds_up(), "{balance:?}");
    }

    #[tokio::test]
    async fn a_stolen_message_is_named_once_every_lane_was_idle() {
        let mut trial = told(true).await;
        let session = &mut trial.session;
        let balance = session.balance(NOW).await.unwrap();
        assert_eq!((balance.accepted, balance.in_flight, balance.unaccounted), (3, 1, 0));
        let (first, second) = (Uuid::now_v7(), Uuid::now_v7());
        let later = NOW + Duration::seconds(5);
        session.lane_beat(first, true, later).await.unwrap();
        session.lane_beat(second, false, later).await.unwrap();
        assert_eq!(session.balance(later).await.unwrap().unaccounted, 0, "one is at work");
        session.lane_beat(second, true, later).await.unwrap();
        session.lane_beat(second, false, later).await.unwrap();
        let balance = session.balance(later).await.unwrap();
        assert_eq!((balance.in_flight, balance.unaccounted), (0, 1));
        assert!(!balance.adds_up());
        let gone = later + Duration::seconds(31);
        assert_eq!(
            session.balance(gone).await.unwrap().unaccounted,
            0,
            "no lane could have had it"
        );
    }

    #[tokio::test]
    async fn what_nobody_stated_is_unproven_and_still_counted() {
        let mut trial = told(false).await;
        let late = trial.message("n5", Some(paid("A", "T1")));
        trial.settle(&[late]).await.unwrap();
        let balance = trial.session.balance(NOW).await.unwrap();
        assert_eq!((balance.accepted, balance.unproven), (4, 1));
        assert!(balance.adds_up());
    }

    #[tokio::test]
    async fn a_retry_is_in_flight_until_it_is_overdue_or_settled() {
        let mut trial = Trial::with_order("A").await;
        let number = Some(Number { epoch: trial.epoch, seq: 1 });
        let deferred = |id: &str| Work::Deferred { id: id.to_owned(), number, due_at: NOW };
        trial.settle(&[deferred("a")]).await.unwrap();
        let overdue = NOW + OVERDUE + FENCE;
        trial.session.lane_beat(Uuid::now_v7(), true, overdue).await.unwrap();
        assert_eq!(trial.session.balance(NOW).await.unwrap().in_flight, 1);
        assert_eq!(trial.session.balance(overdue).await.unwrap().unaccounted, 1);

        let buried = Work::Buried { id: "a".to_owned(), number };
        trial.settle(&[buried]).await.unwrap();
        assert_eq!(trial.session.balance(overdue).await.unwrap().dead, 1);
        let replayed = trial.message("n1", Some(paid("A", "T1")));
        trial.settle(&[replayed]).await.unwrap();
        let balance = trial.session.balance(overdue).await.unwrap();
        assert_eq!((balance.accepted, balance.settled, balance.dead), (1, 1, 0));
        trial.settle(&[deferred("a")]).await.unwrap();
        assert_eq!(trial.session.balance(overdue).await.unwrap().settled, 1, "it stays settled");
    }
}
