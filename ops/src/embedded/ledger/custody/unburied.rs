//! Messages that were sent to the dead letters, and of which no letter is kept.

use diesel::prelude::*;
use diesel::sql_types::{BigInt, Text};
use shared::message::Number;
use time::OffsetDateTime;
use worker::ledger::custody::Unburied;

use crate::embedded::ledger::fault::Result;
use crate::embedded::values::{instant, micros, uuid};

/// Dead, and no letter of it is kept.
macro_rules! unburied {
    () => {
        "r.bucket = 'dead' and r.lost_at is null and not exists (
            select 1 from dead_letters d where d.epoch = r.epoch and d.seq = r.seq)"
    };
}

const LIST: &str = concat!(
    "select r.epoch, r.seq, r.recorded_at from receipts r where ",
    unburied!(),
    " order by r.epoch, r.seq limit ?"
);

const MISS: &str = concat!(
    "update receipts as r set lost_at = ?
     where r.epoch = ? and r.seq = ? and r.recorded_at = ? and ",
    unburied!()
);

#[derive(QueryableByName)]
struct Row {
    #[diesel(sql_type = Text)]
    epoch: String,
    #[diesel(sql_type = BigInt)]
    seq: i64,
    #[diesel(sql_type = BigInt)]
    recorded_at: i64,
}

pub(super) fn list(connection: &mut SqliteConnection, limit: i64) -> Result<Vec<Unburied>> {
    let rows: Vec<Row> = diesel::sql_query(LIST).bind::<BigInt, _>(limit).load(connection)?;
    let unburied = |row: Row| {
        let number = Number { epoch: uuid(&row.epoch)?, seq: row.seq };
        Ok(Unburied { number, recorded_at: instant(row.recorded_at)? })
    };
    rows.into_iter().map(unburied).collect()
}

pub(super) fn miss(
    connection: &mut SqliteConnection,
    unburied: &[Unburied],
    now: OffsetDateTime,
) -> Result<()> {
    for Unburied { number, recorded_at } in unburied {
        diesel::sql_query(MISS)
            .bind::<BigInt, _>(micros(now))
            .bind::<Text, _>(number.epoch.to_string())
            .bind::<BigInt, _>(number.seq)
            .bind::<BigInt, _>(micros(*recorded_at))
            .execute(connection)?;
    }
    Ok(())
}
