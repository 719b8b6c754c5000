//! Vectors that others published, with the verdict each of them states.
//!
//! They lie beside the project, not in it; where they are absent, that is said and nothing fails.

#![expect(clippy::unwrap_used, reason = "a helper that fails is a test that fails")]

mod alipay;
mod wechat_pay;
mod wechat_pay_v2;
mod adyen;
mod standard_webhooks;
mod stripe;
mod unionpay;

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::Value;
use time::OffsetDateTime;
use time::macros::datetime;

/// Alipay's notifications bear no time that is checked.
pub(crate) const NOW: OffsetDateTime = datetime!(2026-11-23 12:00:00 UTC);

/// The vectors' folder; nothing where there is none, and a line that says so.
fn folder() -> Option<PathBuf> {
    let beside = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared/vectors");
    let folder = std::env::var_os("QUITTANCE_VECTORS").map_or(beside, PathBuf::from);
    if folder.is_dir() {
        return Some(folder);
    }
    eprintln!("left out: there are no vectors; QUITTANCE_VECTORS may name their folder");
    None
}

/// One file of the folder; nothing where there is no folder.
pub(crate) fn file(name: &str) -> Option<Value> {
    let text = fs::read_to_string(folder()?.join(name)).unwrap();
    Some(serde_json::from_str(&text).unwrap())
}

pub(crate) fn text(value: &Value) -> &str {
    value.as_str().unwrap()
}
