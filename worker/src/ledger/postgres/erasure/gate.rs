//! The gate between those that read tombstones and those that erase: whoever erases is alone behind it.
//!
//! **Invariant**: a transaction passes before it locks anything, so whoever waits here holds up nobody. It is a
//! lock of its own: a dump of the tables does not take it.

use diesel_async::{AsyncPgConnection, RunQueryDsl as _};

use crate::ledger::LedgerError;

// The same number stands in `load::Claim`, which passes on its way.
statement!(
    /// Taken once more by whoever has it, it costs no wait.
    Pass {} -> () = "select pg_advisory_xact_lock_shared(5783906145390019)"
);

statement!(
    Close {} -> () = "select pg_advisory_xact_lock(5783906145390019)"
);

/// Holds off whoever erases until this transaction ends.
pub(in crate::ledger::postgres) async fn pass(
    conn: &mut AsyncPgConnection,
) -> Result<(), LedgerError> {
    Pass.execute(conn).await?;
    Ok(())
}

/// Waits for all who passed, and holds off those that come.
pub(super) async fn close(conn: &mut AsyncPgConnection) -> Result<(), LedgerError> {
    Close.execute(conn).await?;
    Ok(())
}
