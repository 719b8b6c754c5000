//! What each section says where the file says nothing.

use std::net::SocketAddr;

use super::*;

fn loopback(port: u16) -> SocketAddr {
    SocketAddr::from(([127, 0, 0, 1], port))
}

impl Default for BrokerSection {
    fn default() -> Self {
        Self {
            url: None,
            url_file: None,
            management_url: None,
            management_url_file: None,
            prefix: "quittance".to_owned(),
            shards: 1,
        }
    }
}

impl Default for EmbeddedSection {
    fn default() -> Self {
        Self { path: PathBuf::from("quittance-data/quittance.db") }
    }
}

impl Default for IngressSection {
    fn default() -> Self {
        Self {
            listen: loopback(8080),
            admin_listen: loopback(9090),
            body_limit: Bytes(64 << 10),
            body_timeout: span(10_000),
            publish_timeout: span(3_000),
            connections_max: Capacity::default().connections_max,
            connections_per_address_max: Capacity::default().per_address_max,
        }
    }
}

impl Default for WorkerSection {
    fn default() -> Self {
        Self {
            admin_listen: loopback(9091),
            lanes: 2,
            batch_max: 100,
            batch_wait: span(5),
            queue_age_alarm: span(300_000),
        }
    }
}

impl Default for RetrySection {
    fn default() -> Self {
        Self { schedule: Schedule::default().tiers().into_iter().map(Span).collect() }
    }
}

impl Default for PolicySection {
    fn default() -> Self {
        Self { order_deadline: Span(Rules::PATIENCE), account_required: false }
    }
}

impl Default for ConsoleSection {
    fn default() -> Self {
        Self { listen: loopback(9092), token_file: None }
    }
}

impl Default for ProcessSection {
    fn default() -> Self {
        Self { shutdown_timeout: span(30_000) }
    }
}
