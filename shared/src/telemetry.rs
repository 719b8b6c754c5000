//! Logs and metrics: how a process tells what it does.
//!
//! **Invariant**: no body, no key, no payer ever enters either.

use std::io::IsTerminal as _;
use std::sync::OnceLock;

use metrics_exporter_prometheus::{Matcher, PrometheusBuilder, PrometheusHandle};
use tracing_subscriber::EnvFilter;

/// The content type of [`metrics_text`]. Source: Prometheus text exposition format 0.0.4.
pub const METRICS_CONTENT_TYPE: &str = "text/plain; version=0.0.4; charset=utf-8";
const SECONDS: [f64; 12] =
    [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0];

pub mod health;

/// Whatever the filter says: these log bodies, headers or parameters. What happens to connections is
/// reported by whoever holds them.
const SILENCED: [&str; 4] = ["lapin=off", "tokio_postgres=off", "diesel=off", "hyper=warn"];

static METRICS: OnceLock<Option<PrometheusHandle>> = OnceLock::new();

/// How log lines look.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum LogFormat {
    #[default]
    Pretty,
    Json,
}

/// Begins logging to standard error, filtered by `RUST_LOG` (default `info`). A second call in one
/// process changes nothing.
pub fn init(format: LogFormat, default_filter: &str) {
    let filter =
        EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new(default_filter));
    let filter = SILENCED
        .iter()
        .filter_map(|quiet| quiet.parse().ok())
        .fold(filter, EnvFilter::add_directive);
    let colour = std::io::stderr().is_terminal() && std::env::var_os("NO_COLOR").is_none();
    let builder = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .with_ansi(colour);
    let begun = match format {
        LogFormat::Pretty => builder.try_init(),
        LogFormat::Json => builder.json().flatten_event(true).try_init(),
    };
    // Somebody logs already: a test, or a second part of the same process.
    drop(begun);
    METRICS.get_or_init(install);
}

/// All metrics in Prometheus' text form.
pub fn metrics_text() -> String {
    METRICS.get_or_init(install).as_ref().map(PrometheusHandle::render).unwrap_or_default()
}

fn install() -> Option<PrometheusHandle> {
    PrometheusBuilder::new()
        .set_buckets_for_metric(Matcher::Suffix("_seconds".to_owned()), &SECONDS)
        .ok()?
        .install_recorder()
        .ok()
}
