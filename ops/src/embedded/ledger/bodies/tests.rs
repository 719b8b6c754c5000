//! A file that a former version wrote, with its bodies in the clear beside their notifications.

use std::fs;
use std::path::Path;

use diesel::connection::SimpleConnection as _;
use diesel_migrations::MigrationHarness as _;
use shared::process;
use worker::ledger::bodies::StoredBody;
use worker::ledger::privacy::Privacy as _;
use worker::ledger::{Ledger as _, Session as _};

use super::*;
use crate::embedded::{Embedded, MIGRATIONS};

/// The last version without sealed bodies had so many migrations.
const FORMER: usize = 5;
const REQUESTS: usize = 5;
const PAYER: &str = "buyer@example.com";

/// Each request has two notifications, and its body stands with the first.
fn former_file(path: &Path) -> Vec<Uuid> {
    let mut connection = SqliteConnection::establish(path.to_str().unwrap()).unwrap();
    connection.batch_execute("pragma journal_mode = wal").unwrap();
    for _ in 0..FORMER {
        connection.run_next_migration(MIGRATIONS).unwrap();
    }
    let messages: Vec<Uuid> = (0..REQUESTS).map(|_| Uuid::now_v7()).collect();
    for (seq, message) in messages.iter().enumerate() {
        for (part, body) in [format!("'{PAYER} {seq}'"), "null".to_owned()].iter().enumerate() {
            let row = format!(
                "insert into notifications (message_id, part, account, provider, identity, kind, order_number,
                     outcome, epoch, seq, received_at, recorded_at, body)
                 values ('{message}', {part}, 'shop', 'adyen', 'n-{seq}-{part}', 'AUTHORISATION', 'A-{seq}',
                     'no_op', '{message}', {seq}, 0, 0, cast({body} as blob))"
            );
            connection.batch_execute(&row).unwrap();
        }
    }
    messages
}

fn shows_a_payer(folder: &Path) -> bool {
    let shows = |path: &Path| {
        let bytes = fs::read(path).unwrap();
        bytes.windows(PAYER.len()).any(|window| window == PAYER.as_bytes())
    };
    fs::read_dir(folder).unwrap().any(|entry| shows(&entry.unwrap().path()))
}

#[tokio::test]
async fn a_former_files_bodies_are_moved_and_sealed_and_none_is_lost() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("quittance.db");
    let messages = former_file(&path);
    assert!(shows_a_payer(folder.path()));

    let embedded = Embedded::open(&path).unwrap();
    let mut session = embedded.ledger().open().await.unwrap();
    // Each is there all the while, moved or not.
    for (seq, message) in messages.iter().enumerate() {
        let open =
            StoredBody::Open { bytes: format!("{PAYER} {seq}").into_bytes(), redacted_at: None };
        let stored = session.notification(*message).await.unwrap().unwrap();
        assert_eq!((stored.parts.len(), &stored.body), (2, &open));
        session.tend(process::now(), 2).await.unwrap();
        assert_eq!(session.notification(*message).await.unwrap().unwrap().body, open);
    }
    let at_rest = session.tend(process::now(), 2).await.unwrap();
    assert_eq!(at_rest, Tended::default());
    assert_eq!(session.balance().await.unwrap().accepted, 0);
    drop(session);
    drop(embedded);

    let mut connection = SqliteConnection::establish(path.to_str().unwrap()).unwrap();
    let kept: i64 = bodies::table
        .filter(bodies::key_id.is_not_null())
        .count()
        .get_result(&mut connection)
        .unwrap();
    assert_eq!(usize::try_from(kept), Ok(REQUESTS));
    connection.batch_execute("pragma wal_checkpoint(truncate)").unwrap();
    assert!(!shows_a_payer(folder.path()), "what was moved is overwritten");
}
