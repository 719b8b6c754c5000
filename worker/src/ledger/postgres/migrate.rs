//! Bringing the schema up to date beside workers that are at work.
//!
//! **Invariant**: a migration that waits for a lock gives up soon: whoever asks for a table after it would
//! wait behind it, the lanes among them. What it did is taken back, and it is tried again.
//!
//! **Invariant**: a turn ends, also where its connection swallows everything: whoever migrates notices, and the
//! server ends a turn that says nothing, or no worker would ever begin again.

use std::collections::BTreeSet;
use std::thread;
use std::time::Duration;

use diesel::migration::MigrationSource;
use diesel::pg::Pg;
use diesel::sql_types::{Bool, Text};
use diesel_async::{
    AsyncMigrationHarness, AsyncPgConnection, RunQueryDsl as _, SimpleAsyncConnection as _,
};
use diesel_migrations::{EmbeddedMigrations, MigrationHarness as _, embed_migrations};
use tokio::runtime::Handle;
use tokio::sync::oneshot;
use tokio::time::{sleep, timeout};
use tracing::warn;

use super::line::Line;
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
/// How long all that is missing may take, indexes of large tables included.
const MIGRATION_LIMIT: Duration = Duration::from_secs(6 * 3_600);
/// The server ends a turn in which nothing was said for so long: between two statements there is no pause.
/// PostgreSQL before 14 knows no such limit outside of a transaction.
const QUIET: &str = "select set_config(name, '5s', false) from pg_settings
    where name in ('idle_session_timeout', 'idle_in_transaction_session_timeout')";

statement!(
    HasBegun {} -> (Bool) = "select to_regclass('quittance.__diesel_schema_migrations') is not null"
);

statement!(
    Run {} -> (Text) = "select version::text from quittance.__diesel_schema_migrations"
);

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
    let patience = format!("set lock_timeout to '{}s'", LOCK_WAIT.as_secs());
    let mut conn = server.connect(&patience).await?;
    let line = Line::of(&mut conn, server.clone()).await?;
    // Mostly nothing is missing, and then nobody needs to wait for a turn.
    if line.bounded(is_current(&mut conn)).await? {
        return Ok(());
    }
    take_turn(&mut conn).await?;
    // The turn ends with the connection.
    line.within(MIGRATION_LIMIT, run(conn)).await
}

async fn is_current(conn: &mut AsyncPgConnection) -> Result<bool, LedgerError> {
    let has_begun: bool = HasBegun {}.get_result(conn).await?;
    if !has_begun {
        return Ok(false);
    }
    let run: Vec<String> = Run {}.load(conn).await?;
    let ours = MigrationSource::<Pg>::migrations(&MIGRATIONS)
        .map_err(|error| LedgerError::Fault(error.to_string()))?;
    let run: BTreeSet<String> = run.into_iter().collect();
    Ok(ours.iter().all(|migration| run.contains(&migration.name().version().to_string())))
}

/// Waits until nobody else migrates.
async fn take_turn(conn: &mut AsyncPgConnection) -> Result<(), LedgerError> {
    let turn = format!(
        "set lock_timeout to '{}s'; select pg_advisory_lock({MIGRATION_LOCK});
         set lock_timeout to '{}s'; {QUIET};
         do $$ begin
            if to_regnamespace('quittance') is null then create schema quittance; end if;
         end $$;
         set search_path to quittance;",
        TURN_WAIT.as_secs(),
        LOCK_WAIT.as_secs()
    );
    let busy = || LedgerError::Unreachable("another process is migrating it".to_owned());
    match timeout(TURN_WAIT + LOCK_WAIT, conn.batch_execute(&turn)).await {
        Ok(turn) => turn.map_err(|error| match LedgerError::from(error) {
            LedgerError::Conflict(_) => busy(),
            error => error,
        }),
        Err(_) => Err(busy()),
    }
}

/// On a thread of its own: the harness blocks, and one whose connection is lost may block for ever. Nobody waits
/// for it then, the end of the process neither.
async fn run(conn: AsyncPgConnection) -> Result<(), LedgerError> {
    let (tell, told) = oneshot::channel();
    let runtime = Handle::current();
    thread::spawn(move || {
        let _runtime = runtime.enter();
        let mut harness = AsyncMigrationHarness::new(conn);
        let migrated = harness.run_pending_migrations(MIGRATIONS).map(|_| ());
        // Whoever asked may have given up.
        drop(tell.send(migrated.map_err(|error| error.to_string())));
    });
    let ended = told.await.map_err(|_| LedgerError::Fault("migrating ended early".to_owned()))?;
    ended.map_err(|error| fault::of_migration(&error))
}
