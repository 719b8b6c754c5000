//! When the configured keys end: as metrics all the time, and as a warning once a day.
//!
//! **Invariant**: what is told here changes no verdict and no readiness.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use metrics::gauge;
use shared::process;
use shared::provider::{Account, Accounts};
use time::OffsetDateTime;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;
use tracing::warn;

/// How often the metrics are brought up to date.
const TELL_INTERVAL: Duration = Duration::from_secs(60);
/// How often a key that asks for care is logged.
const WARN_INTERVAL: time::Duration = time::Duration::days(1);

/// Tells of the keys at once, whenever they change, and as time passes, until told to stop.
pub async fn watch(mut accounts: watch::Receiver<Arc<Accounts>>, stop: CancellationToken) {
    let mut told = Told::default();
    let mut warn_at = process::now();
    loop {
        let now = process::now();
        let current = Arc::clone(&accounts.borrow_and_update());
        told = tell(&current, told, now);
        if warn_at <= now {
            warn_of(&current, now);
            warn_at = now + WARN_INTERVAL;
        }
        tokio::select! {
            biased;
            () = stop.cancelled() => return,
            Ok(()) = accounts.changed() => warn_at = process::now(),
            () = tokio::time::sleep(TELL_INTERVAL) => (),
        }
    }
}

/// The labels that stand in the metrics.
#[derive(Debug, Default)]
struct Told {
    accounts: BTreeSet<String>,
    keys: BTreeSet<(String, String)>,
}

fn tell(accounts: &Accounts, before: Told, now: OffsetDateTime) -> Told {
    let mut told = Told::default();
    for account in accounts.0.values() {
        let notes = account.scheme.keys();
        let care = notes.iter().filter(|note| note.asks_for_care(now)).count();
        gauge!("quittance_keys_expiring", "account" => account.name.clone()).set(care as f64);
        told.accounts.insert(account.name.clone());
        for note in notes {
            let Some(end) = note.expires_at else { continue };
            let seconds = (end - now).as_seconds_f64();
            expires(&account.name, &note.id, seconds);
            told.keys.insert((account.name.clone(), note.id));
        }
    }
    // A gauge cannot be taken back: what is no longer configured never raises an alarm.
    for (account, key) in before.keys.difference(&told.keys) {
        expires(account, key, f64::NAN);
    }
    for account in before.accounts.difference(&told.accounts) {
        gauge!("quittance_keys_expiring", "account" => account.clone()).set(0.0);
    }
    told
}

fn expires(account: &str, key: &str, seconds: f64) {
    gauge!("quittance_key_expires_seconds",
        "account" => account.to_owned(), "key" => key.to_owned())
    .set(seconds);
}

fn warn_of(accounts: &Accounts, now: OffsetDateTime) {
    let mut all: Vec<&Account> = accounts.0.values().collect();
    all.sort_by(|a, b| a.name.cmp(&b.name));
    for account in all {
        for note in account.scheme.keys() {
            let (expiry, days_left) = (note.expiry(now), note.days_left(now));
            if let (true, Some(days_left)) = (note.asks_for_care(now), days_left) {
                let (account, key) = (&account.name, &note.id);
                let state = expiry.as_str();
                warn!(account, key, state, days_left, "a certificate ends: get its successor");
            }
        }
    }
}
