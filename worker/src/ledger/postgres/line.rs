//! Is the server at work on a call, or was the call or its answer lost on the way?
//!
//! **Invariant**: a call ends: with its answer, or once the server is known not to be at work on it, or past a
//! limit. A connection that lost a byte never answers, and nobody tells us.

use std::time::Duration;

use diesel::sql_types::{Bool, Integer, Timestamptz};
use diesel_async::{AsyncPgConnection, RunQueryDsl as _};
use time::OffsetDateTime;
use tokio::time::{Instant, timeout};

use super::Postgres;
use crate::ledger::LedgerError;

/// How long one call may take; longer than the server's own limit.
const CALL_TIMEOUT: Duration = Duration::from_secs(40);
/// After so long without an answer the server is asked, on another connection, what it is doing.
const SILENCE: Duration = Duration::from_secs(2);

statement!(
    Own {} -> (Integer) = "select pg_backend_pid()"
);

statement!(
    /// Whether the backend is at work, and since when; no row: it is gone.
    Doing { pid: Integer = i32 } -> (Bool, Timestamptz) = "
    select state = 'active', state_change from pg_stat_activity
    where pid = ? and datname = current_database()"
);

/// The server's end of a session's connection.
pub(super) struct Line {
    pid: i32,
    server: Postgres,
}

impl Line {
    pub(super) async fn of(
        conn: &mut AsyncPgConnection,
        server: Postgres,
    ) -> Result<Self, LedgerError> {
        // Nobody else watches this one.
        let own = timeout(SILENCE + SILENCE, Own {}.get_result(conn)).await;
        let own = own.map_err(|_| LedgerError::Unreachable("no answer in time".to_owned()))?;
        Ok(Self { pid: own?, server })
    }

    /// Bounds a call. What is lost leaves the connection in doubt, and so the transaction.
    pub(super) async fn bounded<T>(
        &self,
        call: impl Future<Output = Result<T, LedgerError>>,
    ) -> Result<T, LedgerError> {
        self.within(CALL_TIMEOUT, call).await
    }

    /// Bounds what may take so long.
    pub(super) async fn within<T>(
        &self,
        limit: Duration,
        call: impl Future<Output = Result<T, LedgerError>>,
    ) -> Result<T, LedgerError> {
        tokio::pin!(call);
        let begun = Instant::now();
        let mut rested_since = None;
        while begun.elapsed() < limit {
            if let Ok(answer) = timeout(SILENCE, &mut call).await {
                return answer;
            }
            let rests = tokio::select! {
                biased;
                answer = &mut call => return answer,
                looked = timeout(SILENCE, self.rests_since()) => looked,
            };
            // Who cannot be asked may be at work all the same.
            let rests_since = rests.unwrap_or(Ok(None)).unwrap_or(None);
            if rests_since.is_some() && rests_since == rested_since {
                let lost = "the server waits for us, and we for it".to_owned();
                return Err(LedgerError::Unreachable(lost));
            }
            rested_since = rests_since;
        }
        Err(LedgerError::Unreachable("no answer in time".to_owned()))
    }

    /// Since when the backend has had nothing to do; nothing while it works. One that is gone rests for ever.
    async fn rests_since(&self) -> Result<Option<OffsetDateTime>, LedgerError> {
        let mut conn = self.server.connect("").await?;
        let doing: Option<(bool, OffsetDateTime)> =
            Doing { pid: &self.pid }.get_results(&mut conn).await?.into_iter().next();
        Ok(match doing {
            Some((true, _)) => None,
            Some((false, since)) => Some(since),
            None => Some(OffsetDateTime::UNIX_EPOCH),
        })
    }
}
