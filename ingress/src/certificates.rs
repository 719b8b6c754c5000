//! Fetches the certificates that PayPal publishes, for accounts that allow it.
//!
//! **Invariant**: a request can make us ask PayPal's own hosts only, over HTTPS, without redirects, for
//! a bounded number of bytes, a bounded number of times; and what comes back is trusted only after
//! [`Trust::admit`] chained it to a configured root.
//!
//! [`Trust::admit`]: shared::provider::paypal::published::Trust::admit

use std::collections::HashMap;
use std::sync::OnceLock;
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
/// How long after a failure the same url is left alone.
const PAUSE: time::Duration = time::Duration::minutes(5);
/// Fetches within that time. A stranger can name any number of urls on PayPal's hosts.
const FETCHES_MAX: usize = 64;

/// Who fetches; one at a time.
pub struct Certificates {
    make: fn() -> ClientBuilder,
    client: OnceLock<Option<Client>>,
    tries: Mutex<Tries>,
}

/// When each url was last asked for, and whether that failed.
#[derive(Default)]
struct Tries(HashMap<CertificateUrl, (OffsetDateTime, Ended)>);

#[derive(Clone, Copy, PartialEq, Eq)]
enum Ended {
    Well,
    Badly,
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
        Self { make, client: OnceLock::new(), tries: Mutex::default() }
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
        let Ok(mut tries) = timeout(FETCH_TIMEOUT, self.tries.lock()).await else {
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
        let (ended, label) = match &fetched {
            Ok(()) => {
                info!(account = account.name, url = url.as_str(), "a certificate was fetched");
                (Ended::Well, "trusted")
            }
            Err(error) => {
                warn!(account = account.name, url = url.as_str(), %error, "no certificate");
                (Ended::Badly, "failed")
            }
        };
        counter!("quittance_certificate_fetches_total", "outcome" => label).increment(1);
        tries.0.insert(url, (now, ended));
        if ended == Ended::Well { Found::Yes } else { Found::No }
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
        self.0.retain(|_, (at, _)| (now - *at).abs() < PAUSE);
        match self.0.get(url) {
            Some((_, Ended::Badly)) => false,
            Some((_, Ended::Well)) => true,
            None => self.0.len() < FETCHES_MAX,
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
            tries.0.insert(url(number), (now, Ended::Badly));
            assert!(!tries.allow(&url(number), now), "it has just failed");
        }
        assert!(!tries.allow(&url(FETCHES_MAX), now), "others are left alone for now");
        assert!(tries.allow(&url(0), now + PAUSE));
        assert!(tries.allow(&url(FETCHES_MAX), now + PAUSE));
    }
}
