//! The broker's management API, read only: what AMQP does not tell.
//!
//! **Invariant**: neither its url nor its answers, which may hold a password, show in an error.

use std::time::Duration;

use reqwest::{Client, StatusCode};
use serde::de::DeserializeOwned;
use shared::broker::topology::held::Held;
use shared::config::Config;
use shared::secret::Secret;

use crate::cli::exit::{Exit, Failure};

const ANSWER_TIMEOUT: Duration = Duration::from_secs(10);
/// Some ten thousand queues with their bindings.
const ANSWER_MAX_BYTES: usize = 16 * 1024 * 1024;

const QUEUES: &str = "name,arguments,policy,operator_policy,effective_policy_definition";
const BINDINGS: &str = "source,destination,destination_type,routing_key";

/// Asks what the broker holds in our virtual host; nothing where no url is configured.
pub(super) async fn held(config: &Config) -> Result<Option<Held>, Failure> {
    let Some(url) = config.management_url()? else { return Ok(None) };
    let vhost = vhost(config.broker_url()?.reveal());
    let client = Client::builder()
        .timeout(ANSWER_TIMEOUT)
        .redirect(reqwest::redirect::Policy::none())
        .no_proxy()
        .build()
        .map_err(|_| failed("no HTTP client can be made"))?;
    let queues = get(&client, &url, &format!("queues/{vhost}?columns={QUEUES}")).await?;
    let bindings = get(&client, &url, &format!("bindings/{vhost}?columns={BINDINGS}")).await?;
    Ok(Some(Held { queues, bindings }))
}

async fn get<T: DeserializeOwned>(client: &Client, url: &Secret, path: &str) -> Result<T, Failure> {
    let unreachable = |_| {
        let hint = "nobody answers; does the plugin rabbitmq_management run there?";
        Failure::new(Exit::Unreachable, format!("broker.management_url: {hint}"))
    };
    let url = format!("{}/api/{path}", url.reveal().trim_end_matches('/'));
    let mut response = client.get(url).send().await.map_err(unreachable)?;
    match response.status() {
        StatusCode::OK => (),
        StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => {
            let hint = "its user may not look: it needs the tag `management` and the virtual host";
            return Err(failed(hint));
        }
        other => return Err(failed(&format!("it answers {}", other.as_u16()))),
    }
    let mut body = vec![];
    while let Some(chunk) = response.chunk().await.map_err(unreachable)? {
        body.extend_from_slice(&chunk);
        if body.len() > ANSWER_MAX_BYTES {
            return Err(failed(&format!("it answers more than {ANSWER_MAX_BYTES} bytes")));
        }
    }
    serde_json::from_slice(&body).map_err(|_| failed("it answers what RabbitMQ's API does not"))
}

fn failed(what: &str) -> Failure {
    Failure::new(Exit::Failed, format!("broker.management_url: {what}"))
}

/// The virtual host of an AMQP url, as it stands there, encoded. Source: rabbitmq.com, AMQP URI Specification.
fn vhost(url: &str) -> String {
    let path = url.split_once("://").and_then(|(_, rest)| rest.split_once('/'));
    let path = path.map_or("", |(_, path)| path.split(['?', '#']).next().unwrap_or_default());
    if path.is_empty() { "%2F".to_owned() } else { path.replace('/', "%2F") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_virtual_host_stands_in_the_brokers_url() {
        for (url, name) in [
            ("amqp://h", "%2F"),
            ("amqp://u:p@h:5672", "%2F"),
            ("amqp://h/", "%2F"),
            ("amqp://h/%2f", "%2f"),
            ("amqps://u:p@h:5671/pay%20in?heartbeat=5", "pay%20in"),
            ("amqp://h/a/b", "a%2Fb"),
        ] {
            assert_eq!(vhost(url), name, "{url}");
        }
    }
}
