//! Fetches the certificates that PayPal publishes, for accounts that allow it.
//!
//! **Invariant**: a request can make us ask PayPal's own hosts only, over HTTPS, without redirects, for
//! a bounded number of bytes, a bounded number of times; what happens to one account holds up no other;
//! and what comes back is trusted only after
//! [`Trust::admit`] chained it to a configured root.
//!
//! [`Trust::admit`]: shared::provider::paypal::published::Trust::admit

use std::collections::HashMap;
use std::sync::{Arc, OnceLock, PoisonError};
use std::time::Duration;

use metrics::counter;
use reqwest::redirect::Policy;
use reqwest::{Client, ClientBuilder, StatusCode};
use shared::process;
use shared::provider::paypal::Settings;
use shared::provider::paypal::published::{CHAIN_MAX_BYTES, CertificateUrl};
use shared::provider::{self, Account, Rejection, Request, Scheme, Verified};
use time::OffsetDateTime;
use tokio::sync::Mutex;
use tokio::time::timeout;
use tracing::{info, warn};

/// How long one fetch may take, and how long a request waits for another's.
const FETCH_TIMEOUT: Duration = Duration::from_secs(5);
/// How long a url is left alone that holds nothing which the account trusts.
const PAUSE: time::Duration = time::Duration::minutes(5);
/// How long it is left alone when PayPal, or the way to it, was out of order.
const OUTAGE_PAUSE: time::Duration = time::Duration::seconds(30);
/// Urls that one account has fetched within [`PAUSE`]. A stranger can name any number of them.
const FETCHES_MAX: usize = 64;

/// Who fetches; for each account one at a time.
pub struct Certificates {
    make: fn() -> ClientBuilder,
    client: OnceLock<Option<Client>>,
    /// By the account's name.
    tries: std::sync::Mutex<HashMap<String, Arc<Mutex<Tries>>>>,
}

/// When one account last asked for each url, and until when it leaves it alone.
#[derive(Default)]
struct Tries(HashMap<CertificateUrl, Try>);

struct Try {
    at: OffsetDateTime,
    until: OffsetDateTime,
}

/// Why there is no certificate.
#[derive(Debug, thiserror::Error)]
enum FetchError {
    #[error("no TLS client can be made here: are the system's root certificates installed?")]
    NoClient,
    #[error("it took longer than {FETCH_TIMEOUT:?}")]
    TooSlow,
    #[error("no answer: {0}")]
    Unreachable(&'static str),
    #[error("the answer's status is {0}")]
    Status(StatusCode),
    #[error("the answer is longer than {CHAIN_MAX_BYTES} bytes")]
    TooLong,
    #[error(transparent)]
    NotTrusted(#[from] shared::provider::paypal::published::AdmitError),
}

/// Is a certificate newly there?
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Found {
    /// Then the request may be verified again.
    Yes,
    No,
}

impl Default for Certificates {
    fn default() -> Self {
        Self::new(Client::builder)
    }
}

impl Certificates {
    /// Fetches with a client of this kind; redirects, HTTPS and the time are set here.
    pub fn new(make: fn() -> ClientBuilder) -> Self {
        Self { make, client: OnceLock::new(), tries: std::sync::Mutex::default() }
    }

    /// Verifies, and once more where the provider's certificate had to be fetched first. What was received
    /// earlier is judged as of then.
    pub async fn verify(
        &self,
        account: &Account,
        request: Request,
        received_at: OffsetDateTime,
    ) -> Result<Verified, Rejection> {
        let verified = provider::verify(account, request.clone(), received_at);
        if !matches!(verified, Err(Rejection::UnknownKey)) {
            return verified;
        }
        match self.find(account, &request, (received_at, process::now())).await {
            Found::Yes => provider::verify(account, request, received_at),
            Found::No => verified,
        }
    }

    /// Fetches the certificate that would let this request be verified, if one may be fetched. How often is
    /// a matter of now, not of when the request was received.
    async fn find(
        &self,
        account: &Account,
        request: &Request,
        (received_at, now): (OffsetDateTime, OffsetDateTime),
    ) -> Found {
        let Scheme::PayPal(settings) = &account.scheme else { return Found::No };
        let Some(url) = settings.wanted(request, received_at) else { return Found::No };
        let tries = self.tries_of(&account.name);
        let Ok(mut tries) = timeout(FETCH_TIMEOUT, tries.lock()).await else {
            return Found::No;
        };
        // Whoever was before us may have fetched it.
        if settings.wanted(request, received_at).is_none() {
            return Found::Yes;
        }
        if !tries.allow(&url, now) {
            return Found::No;
        }
        let fetched = self.fetch(settings, url.clone(), received_at).await;
        let (found, pause, label) = match &fetched {
            Ok(()) => {
                info!(account = account.name, url = url.as_str(), "a certificate was fetched");
                (Found::Yes, time::Duration::ZERO, "trusted")
            }
            Err(error) => {
                warn!(account = account.name, url = url.as_str(), %error, "no certificate");
                (Found::No, error.pause(), error.label())
            }
        };
        counter!("quittance_certificate_fetches_total", "outcome" => label).increment(1);
        tries.0.insert(url, Try { at: now, until: now + pause });
        found
    }

    fn tries_of(&self, account: &str) -> Arc<Mutex<Tries>> {
        let mut tries = self.tries.lock().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(tries.entry(account.to_owned()).or_default())
    }

    async fn fetch(
        &self,
        settings: &Settings,
        url: CertificateUrl,
        received_at: OffsetDateTime,
    ) -> Result<(), FetchError> {
        let client = self.client.get_or_init(|| client((self.make)()));
        let client = client.as_ref().ok_or(FetchError::NoClient)?;
        let got = timeout(FETCH_TIMEOUT, get(client, url.as_str())).await;
        let chain = got.map_err(|_| FetchError::TooSlow)??;
        Ok(settings.trust.admit(url, &chain, received_at)?)
    }
}

impl Tries {
    fn allow(&mut self, url: &CertificateUrl, now: OffsetDateTime) -> bool {
        self.0.retain(|_, tried| (now - tried.at).abs() < PAUSE);
        match self.0.get(url) {
            Some(tried) => tried.until <= now,
            None => self.0.len() < FETCHES_MAX,
        }
    }
}

impl FetchError {
    /// Is it a matter of this url, or of the moment?
    fn pause(&self) -> time::Duration {
        match self {
            Self::NoClient | Self::TooSlow | Self::Unreachable(_) => OUTAGE_PAUSE,
            Self::Status(status) if status.is_server_error() => OUTAGE_PAUSE,
            Self::Status(_) | Self::TooLong | Self::NotTrusted(_) => PAUSE,
        }
    }

    /// The counter's label.
    fn label(&self) -> &'static str {
        match self {
            Self::NotTrusted(_) => "untrusted",
            Self::NoClient
            | Self::TooSlow
            | Self::Unreachable(_)
            | Self::Status(_)
            | Self::TooLong => "failed",
        }
    }
}

fn client(builder: ClientBuilder) -> Option<Client> {
    let builder = builder.https_only(true).redirect(Policy::none()).timeout(FETCH_TIMEOUT);
    builder.build().ok()
}

async fn get(client: &Client, url: &str) -> Result<Vec<u8>, FetchError> {
    let mut response = client.get(url).send().await.map_err(|error| unreachable(&error))?;
    if response.status() != StatusCode::OK {
        return Err(FetchError::Status(response.status()));
    }
    let mut body = vec![];
    while let Some(chunk) = response.chunk().await.map_err(|error| unreachable(&error))? {
        body.extend_from_slice(&chunk);
        if body.len() > CHAIN_MAX_BYTES {
            return Err(FetchError::TooLong);
        }
    }
    Ok(body)
}

fn unreachable(error: &reqwest::Error) -> FetchError {
    if error.is_timeout() {
        FetchError::TooSlow
    } else if error.is_connect() {
        FetchError::Unreachable("no connection, or no trusted one")
    } else {
        FetchError::Unreachable("the connection broke")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use shared::provider::paypal::published::Environment;
    use time::macros::datetime;

    #[test]
    fn a_stranger_cannot_make_us_ask_without_end() {
        let now = datetime!(2026-11-23 12:00 UTC);
        let url = |number: usize| {
            let text = format!("https://api.paypal.com/v1/notifications/certs/CERT-{number}");
            CertificateUrl::parse(&text, Environment::Live).unwrap()
        };
        let mut tries = Tries::default();
        for number in 0..FETCHES_MAX {
            assert!(tries.allow(&url(number), now));
            tries.0.insert(url(number), Try { at: now, until: now + PAUSE });
            assert!(!tries.allow(&url(number), now), "it has just failed");
        }
        assert!(!tries.allow(&url(FETCHES_MAX), now), "others are left alone for now");
        assert!(tries.allow(&url(0), now + PAUSE));
        assert!(tries.allow(&url(FETCHES_MAX), now + PAUSE));
    }

    #[test]
    fn an_outage_is_tried_again_sooner_than_what_is_not_trusted() {
        let now = datetime!(2026-11-23 12:00 UTC);
        let text = "https://api.paypal.com/v1/notifications/certs/CERT-1";
        let url = CertificateUrl::parse(text, Environment::Live).unwrap();
        let is_soon = |error: FetchError| {
            let until = now + error.pause();
            let mut tries = Tries(HashMap::from([(url.clone(), Try { at: now, until })]));
            assert!(!tries.allow(&url, now));
            tries.allow(&url, now + OUTAGE_PAUSE)
        };
        assert!(is_soon(FetchError::TooSlow));
        assert!(is_soon(FetchError::Status(StatusCode::BAD_GATEWAY)));
        assert!(!is_soon(FetchError::Status(StatusCode::NOT_FOUND)));
        let refusal = shared::provider::paypal::published::AdmitError::Chain;
        assert!(!is_soon(FetchError::NotTrusted(refusal)));
    }
}
