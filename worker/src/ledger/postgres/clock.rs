//! The server's clock, which all who work on one ledger share.
//!
//! **Invariant**: a step of this process's own clock moves nothing here: between two looks at the server only
//! the time that passed is added.

use std::time::Duration;

use diesel::sql_types::Timestamptz;
use diesel_async::{AsyncPgConnection, RunQueryDsl as _};
use shared::process;
use time::OffsetDateTime;
use tokio::time::Instant;

use crate::ledger::LedgerError;

/// How often the server is asked.
const LOOK_INTERVAL: Duration = Duration::from_secs(10);

statement!(
    Tell {} -> (Timestamptz) = "select clock_timestamp()"
);

/// What the server told last, and when that was.
#[derive(Default)]
pub(super) struct Clock(Option<(OffsetDateTime, Instant)>);

impl Clock {
    pub(super) async fn now(
        &mut self,
        conn: &mut AsyncPgConnection,
    ) -> Result<OffsetDateTime, LedgerError> {
        let (told, since) = match self.0.filter(|(_, since)| since.elapsed() < LOOK_INTERVAL) {
            Some(told) => told,
            None => *self.0.insert((Tell {}.get_result(conn).await?, Instant::now())),
        };
        Ok(process::in_micros(told + since.elapsed()))
    }
}
