//! Bringing the schema up to date beside workers that are at work.
//!
//! **Invariant**: a migration that waits for a lock gives up soon: whoever asks for a table after it would
//! wait behind it, the lanes among them. What it did is taken back, and it is tried again.

use std::time::Duration;

use diesel_async::{AsyncMigrationHarness, SimpleAsyncConnection as _};
use diesel_migrations::{EmbeddedMigrations, MigrationHarness as _, embed_migrations};
use tokio::time::{sleep, timeout};
use tracing::warn;

use super::{Postgres, fault};
use crate::ledger::LedgerError;

const MIGRATIONS: EmbeddedMigrations = embed_migrations!();

/// Held while migrating, so that of several starting workers one migrates and the others wait.
const MIGRATION_LOCK: i64 = 0x7175_6974;
/// How long one waits for another that migrates.
const TURN_WAIT: Duration = Duration::from_secs(60);
/// How long a migration may hold up the lanes while it waits for a lock.
const LOCK_WAIT: Duration = Duration::from_secs(2);
/// How often it is tried before whoever is in the way is told of.
const TRIES: u32 = 10;
/// How long the lanes have between two tries.
const PAUSE: Duration = Duration::from_secs(3);

pub(super) async fn migrate(server: &Postgres) -> Result<(), LedgerError> {
    let mut tries = 1;
    loop {
        match once(server).await {
            Err(LedgerError::Conflict(error)) if tries < TRIES => {
                warn!(error, tries, "a migration waits for a lock, and is tried again");
                tries += 1;
                sleep(PAUSE).await;
            }
            Err(LedgerError::Conflict(error)) => {
                let told = format!(
                    "{error}: a migration needs a table that another transaction keeps; see \
                     pg_stat_activity for one that began long ago, end it, and migrate again"
                );
                return Err(LedgerError::Conflict(told));
            }
            migrated => return migrated,
        }
    }
}

async fn once(server: &Postgres) -> Result<(), LedgerError> {
    let mut conn = server.connect("").await?;
    let turn = format!(
        "set lock_timeout to '{}s'; select pg_advisory_lock({MIGRATION_LOCK});
         set lock_timeout to '{}s';",
        TURN_WAIT.as_secs(),
        LOCK_WAIT.as_secs()
    );
    let busy = || LedgerError::Unreachable("another process is migrating it".to_owned());
    match timeout(TURN_WAIT + LOCK_WAIT, conn.batch_execute(&turn)).await {
        Ok(turn) => turn.map_err(|error| match LedgerError::from(error) {
            LedgerError::Conflict(_) => busy(),
            error => error,
        })?,
        Err(_) => return Err(busy()),
    }
    let schema = "do $$ begin
            if to_regnamespace('quittance') is null then create schema quittance; end if;
        end $$;
        set search_path to quittance;";
    conn.batch_execute(schema).await?;
    let mut harness = AsyncMigrationHarness::new(conn);
    let migrated = harness.run_pending_migrations(MIGRATIONS).map(|_| ());
    // The turn ends with the connection.
    migrated.map_err(|error| fault::of_migration(&error.to_string()))
}
