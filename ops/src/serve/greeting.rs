//! What a person reads first: where it listens, on what, for whom.

use std::net::SocketAddr;

use shared::config::Config;
use tokio::net::TcpListener;

use super::Doors;
use crate::cli::output::say;
use crate::engine;

const NO_ACCOUNTS: &str = r#"
No account is configured, so every notification is answered 404. Add one to quittance.toml:

[accounts.shop-alipay]            # the name is the last part of its notify_url
provider = "alipay"
app_id = "2021000000000001"
public_keys = ["keys/alipay.pem"] # Alipay's public key; `quittance simulate` makes one for trying out
"#;

/// Tells it on stderr.
pub(super) fn greet(config: &Config, doors: &Doors) {
    let engines = engine::describe(config).unwrap_or_default();
    let accounts: Vec<_> = config.accounts.keys().map(String::as_str).collect();
    say(&format!("engines        {engines}"));
    say(&format!("notifications  http://{}/notify/ACCOUNT", shown(&doors.ingress)));
    say(&format!("returns        http://{}/return/ACCOUNT", shown(&doors.ingress)));
    say(&format!("health         http://{}/readyz", shown(&doors.admin)));
    say(&format!("console        http://{}/", shown(&doors.console)));
    say(&format!("accounts       {}", accounts.join(", ")));
    if accounts.is_empty() {
        say(NO_ACCOUNTS);
    }
}

fn shown(listener: &TcpListener) -> SocketAddr {
    listener.local_addr().unwrap_or_else(|_| SocketAddr::from(([0, 0, 0, 0], 0)))
}
