//! Bad input at every real entrance, on either engine pair: what is answered, and what stands in the ledger
//! afterwards. The tables beside the modules say all of it; to change an answer, change them first.
//!
//! **Invariant**: each is a clear error or a case, and nothing is lost.

#![expect(clippy::unwrap_used, reason = "a helper that fails is a test that fails")]

use harness::installation::Installation;

mod shop;
mod orders;
mod subscriptions;
mod says;
mod notifications;
mod shown;

/// Every row as it is written, and no other; lines that begin with `#` explain. Where the engines' own ways
/// differ, a row ends in ` / ` between the embedded one's and the servers'.
#[track_caller]
fn is_as_written(shown: &str, written: &str, at: &Installation) {
    let rows = written.lines().filter(|line| !line.starts_with('#'));
    let rows: Vec<String> = rows
        .map(|row| match row.rsplit_once(" / ") {
            Some((rest, of_servers)) if at.database.is_some() => {
                let kept = rest.rfind("| ").map_or(0, |at| at + 2);
                format!("{}{of_servers}", &rest[..kept])
            }
            Some((rest, _)) => rest.to_owned(),
            None => row.to_owned(),
        })
        .collect();
    for (ours, theirs) in shown.lines().zip(&rows) {
        assert_eq!(ours, theirs, "\n{shown}");
    }
    assert_eq!(shown.lines().count(), rows.len(), "\n{shown}");
}
