//! The balance: everything that ingresses accepted, and where it stands.

use diesel::prelude::*;
use diesel::sql_types::{BigInt, Text};
use worker::ledger::Bucket;
use worker::ledger::custody::{NAMED_MAX, WINDOWS_NAMED_MAX};
use worker::ledger::records::{Balance, Missing};

use super::custody::lacking;
use super::fault::Result;
use crate::embedded::schema::receipts;
use crate::embedded::values::{self, from_json, uuid, word};

/// What open windows lack: all of it, and what a fence has proven to be missing.
const LACKING: &str = concat!(
    "select coalesce(sum(lacking), 0) as lacking,
        coalesce(sum(case when fenced_to = to_seq then lacking end), 0) as proven
     from (select w.fenced_to, w.to_seq, ",
    lacking!(),
    " as lacking from statements w where w.closed_to is not w.to_seq)"
);

#[derive(QueryableByName)]
struct Lacking {
    #[diesel(sql_type = BigInt)]
    lacking: i64,
    #[diesel(sql_type = BigInt)]
    proven: i64,
}

const COMPACTED: &str = "
    select coalesce(sum(settled), 0) as settled, coalesce(sum(duplicate), 0) as duplicate,
        coalesce(sum(no_op), 0) as no_op, coalesce(sum(cases), 0) as cases
    from compacted";

#[derive(QueryableByName)]
struct Compacted {
    #[diesel(sql_type = BigInt)]
    settled: i64,
    #[diesel(sql_type = BigInt)]
    duplicate: i64,
    #[diesel(sql_type = BigInt)]
    no_op: i64,
    #[diesel(sql_type = BigInt)]
    cases: i64,
}

const UNPROVEN: &str = "
    select count(*) as count
    from receipts r
    left join (select epoch, max(to_seq) as stated from statements group by epoch) s
        on s.epoch = r.epoch
    left join compacted c on c.epoch = r.epoch
    where r.seq > max(coalesce(s.stated, 0), coalesce(c.through, 0))";

#[derive(QueryableByName)]
struct Count {
    #[diesel(sql_type = BigInt)]
    count: i64,
}

/// What is missing, by window; a retry that never came back, or a letter that never came to the morgue, is a
/// window of its own.
const MISSING: &str = concat!(
    "select w.epoch, w.from_seq, w.to_seq, ",
    lacking!(),
    " as lacking, (
        select json_group_array(n) from (
            with recursive numbers (n) as (
                select w.from_seq + 1 union all select n + 1 from numbers where n < w.to_seq)
            select n from numbers
            where not exists (select 1 from json_each(w.holes) h where h.value = n)
              and not exists (select 1 from receipts r where r.epoch = w.epoch and r.seq = n)
            limit ?)
        ) as numbers
     from statements w
     where w.closed_to is not w.to_seq and w.fenced_to = w.to_seq and lacking > 0
     union all
     select epoch, seq - 1, seq, 1, json_array(seq) from receipts
     where lost_at is not null
     order by 1, 2 limit ?"
);

#[derive(QueryableByName)]
struct MissingRow {
    #[diesel(sql_type = Text)]
    epoch: String,
    #[diesel(sql_type = BigInt)]
    from_seq: i64,
    #[diesel(sql_type = BigInt)]
    to_seq: i64,
    #[diesel(sql_type = BigInt)]
    lacking: i64,
    #[diesel(sql_type = Text)]
    numbers: String,
}

pub(super) fn balance(connection: &mut SqliteConnection) -> Result<Balance> {
    let mut balance = receipts_by_bucket(connection)?;
    let before: Compacted = diesel::sql_query(COMPACTED).get_result(connection)?;
    balance.settled += before.settled;
    balance.duplicate += before.duplicate;
    balance.no_op += before.no_op;
    balance.case += before.cases;
    let unproven: Count = diesel::sql_query(UNPROVEN).get_result(connection)?;
    balance.unproven = unproven.count;
    let open: Lacking = diesel::sql_query(LACKING).get_result(connection)?;
    let lost: i64 =
        receipts::table.filter(receipts::lost_at.is_not_null()).count().get_result(connection)?;
    balance.unaccounted = open.proven + lost;
    balance.in_flight += open.lacking - open.proven;
    balance.accepted = balance.settled
        + balance.duplicate
        + balance.no_op
        + balance.case
        + balance.dead
        + balance.in_flight
        + balance.unaccounted;
    if balance.unaccounted > 0 {
        balance.missing = missing(connection)?;
    }
    Ok(balance)
}

fn receipts_by_bucket(connection: &mut SqliteConnection) -> Result<Balance> {
    let rows: Vec<(String, i64)> = receipts::table
        .filter(receipts::lost_at.is_null())
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
    Ok(balance)
}

fn missing(connection: &mut SqliteConnection) -> Result<Vec<Missing>> {
    let named = diesel::sql_query(MISSING)
        .bind::<BigInt, _>(NAMED_MAX)
        .bind::<BigInt, _>(WINDOWS_NAMED_MAX);
    let rows: Vec<MissingRow> = named.load(connection)?;
    let missing = |row: MissingRow| {
        Ok(Missing {
            epoch: uuid(&row.epoch)?,
            from: row.from_seq,
            to: row.to_seq,
            count: row.lacking,
            numbers: from_json(&row.numbers)?,
        })
    };
    rows.into_iter().map(missing).collect()
}
