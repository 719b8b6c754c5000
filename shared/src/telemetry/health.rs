//! Is this process alive, ready, and what does it count: the answers of the admin port.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use super::{METRICS_CONTENT_TYPE, metrics_text};

/// Named checks; ready when none fails. Clones share them.
#[derive(Debug, Clone, Default)]
pub struct Health {
    checks: Arc<Mutex<BTreeMap<String, Result<(), String>>>>,
}

/// One HTTP answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    pub status: u16,
    pub content_type: &'static str,
    pub body: String,
}

const TEXT: &str = "text/plain; charset=utf-8";

impl Health {
    /// A check's newest state; the reason shows at `/readyz?verbose`.
    pub fn set(&self, name: &str, state: Result<(), String>) {
        let mut checks = self.checks.lock().unwrap_or_else(PoisonError::into_inner);
        checks.insert(name.to_owned(), state);
    }

    /// Does no check fail?
    pub fn is_ready(&self) -> bool {
        let checks = self.checks.lock().unwrap_or_else(PoisonError::into_inner);
        checks.values().all(Result::is_ok)
    }

    /// Answers `/livez`, `/readyz` (with `?verbose` each check) and `/metrics`.
    pub fn answer(&self, path: &str, query: Option<&str>) -> Answer {
        let verbose = query.is_some_and(|query| query.split('&').any(|key| key == "verbose"));
        match path {
            "/livez" => Answer { status: 200, content_type: TEXT, body: "ok\n".to_owned() },
            "/readyz" => {
                let status = if self.is_ready() { 200 } else { 503 };
                Answer { status, content_type: TEXT, body: self.readiness(verbose) }
            }
            "/metrics" => {
                Answer { status: 200, content_type: METRICS_CONTENT_TYPE, body: metrics_text() }
            }
            _ => Answer { status: 404, content_type: TEXT, body: String::new() },
        }
    }

    fn readiness(&self, verbose: bool) -> String {
        let verdict = if self.is_ready() { "ready\n" } else { "not ready\n" };
        let mut body = verdict.to_owned();
        if verbose {
            let checks = self.checks.lock().unwrap_or_else(PoisonError::into_inner);
            for (name, state) in checks.iter() {
                let state = state.as_ref().err().map_or("ok", String::as_str);
                body.push_str(&format!("{name}: {state}\n"));
            }
        }
        body
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_failing_check_is_not_ready_and_says_why() {
        let health = Health::default();
        health.set("broker", Ok(()));
        assert_eq!(health.answer("/readyz", None).status, 200);
        health.set("ledger", Err("out of reach".into()));
        let answer = health.answer("/readyz", Some("x=1&verbose"));
        assert_eq!(answer.status, 503);
        assert_eq!(answer.body, "not ready\nbroker: ok\nledger: out of reach\n");
        assert_eq!(health.answer("/livez", None).status, 200);
    }
}
