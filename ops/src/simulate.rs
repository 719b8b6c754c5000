//! Notifications as a provider would send them: genuinely signed, made from a seed, and posted.
//!
//! **Invariant**: the same seed, terms and key give the same bytes. Simulation signs with keys of its
//! own; it never holds a provider's.

use std::time::Duration;

use shared::money::Money;
use shared::provider::Provider;

pub mod key;
pub mod certificate;
pub mod alipay;

/// How long one answer may take: longer than an ingress waits for its broker.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(35);
const ANSWER_MAX_BYTES: usize = 4 * 1024;

/// What is bought, from whom, and the chance behind every invented number.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Terms {
    pub app_id: String,
    pub seller_id: Option<String>,
    pub order_no: String,
    pub amount: Money,
    /// Another seed is another transaction.
    pub seed: u64,
}

/// One request, and how an ingress must answer it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Simulated {
    pub provider: Provider,
    pub content_type: &'static str,
    pub body: String,
    pub expected: Expected,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Expected {
    Accepted,
    Rejected,
}

/// What came back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    pub status: u16,
    pub body: String,
}

/// No answer came.
#[derive(Debug, thiserror::Error)]
pub enum SendError {
    #[error("nobody answers at {url}: is `quittance serve` or an ingress running there?")]
    Unreachable { url: String },
    #[error("`{url}` cannot be posted to: write http://HOST:PORT/notify/ACCOUNT")]
    Url { url: String },
}

/// A seed for those who name none: the same for the same order, so that a refund finds its payment.
pub fn seed_of(account: &str, order_no: &str) -> u64 {
    // FNV-1a, 64 bits. Source: draft-eastlake-fnv §2.
    let bytes = account.bytes().chain([0]).chain(order_no.bytes());
    bytes.fold(0xcbf2_9ce4_8422_2325, |hash: u64, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    })
}

/// Posts one request and reads the answer's beginning.
pub async fn send(url: &str, simulated: &Simulated) -> Result<Answer, SendError> {
    let unreachable = |_| SendError::Unreachable { url: url.to_owned() };
    let client = reqwest::Client::builder()
        .timeout(ANSWER_TIMEOUT)
        .redirect(reqwest::redirect::Policy::none())
        .no_proxy()
        .build()
        .map_err(unreachable)?;
    let request = client
        .post(url)
        .header("content-type", simulated.content_type)
        .body(simulated.body.clone())
        .build()
        .map_err(|_| SendError::Url { url: url.to_owned() })?;
    if request.url().scheme() != "http" {
        return Err(SendError::Url { url: url.to_owned() });
    }
    let mut response = client.execute(request).await.map_err(unreachable)?;
    let status = response.status().as_u16();
    let mut body = vec![];
    while body.len() < ANSWER_MAX_BYTES {
        match response.chunk().await.map_err(unreachable)? {
            Some(chunk) => body.extend_from_slice(&chunk),
            None => break,
        }
    }
    body.truncate(ANSWER_MAX_BYTES);
    Ok(Answer { status, body: String::from_utf8_lossy(&body).into_owned() })
}

impl Simulated {
    /// Is this the answer that the scenario calls for, to the byte?
    pub fn is_answered_by(&self, answer: &Answer) -> bool {
        match self.expected {
            Expected::Accepted => {
                answer.status == 200 && answer.body == self.provider.accept().body
            }
            Expected::Rejected => {
                (400..500).contains(&answer.status) && answer.body == self.provider.reject().body
            }
        }
    }
}

impl Expected {
    /// The word in output.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Accepted => "accepted",
            Self::Rejected => "rejected",
        }
    }
}
