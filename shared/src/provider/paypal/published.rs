//! The certificates that PayPal publishes: which urls may name one, and which of them are trusted.
//!
//! **Invariant**: what is fetched enters the cache through [`Trust::admit`] alone, which has it chained
//! to a configured root in PayPal's name.

use std::sync::{Arc, PoisonError, RwLock};

use serde::Deserialize;
use time::OffsetDateTime;

use super::super::certificate::{self, Authorities, Certificate, ChainHash, Purpose, Vouched};
use super::super::material::Material;
use super::super::public_key::PublicKey;
use super::super::{KeyNote, Rejection, Renewal};
use super::Section;

/// Bytes of a chain that may be fetched. PayPal's have about 5 KiB.
pub const CHAIN_MAX_BYTES: usize = 64 * 1024;
/// Fetched certificates that are held; PayPal uses one at a time.
const FETCHED_MAX: usize = 16;
const SCHEME: &str = "https://";
const PATH: &str = "/v1/notifications/certs/";
/// Letters of a certificate's number, such as `CERT-360caa42-fca2a594-1a5f47cb`.
const NUMBER_MAX_BYTES: usize = 128;

/// Which of PayPal's two worlds an account lives in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Environment {
    Live,
    Sandbox,
}

/// Where PayPal publishes a certificate: one of its hosts, over HTTPS, with nothing else in it.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct CertificateUrl(String);

/// What an account trusts. Clones share what was fetched.
#[derive(Debug, Clone)]
pub struct Trust {
    environment: Environment,
    pinned: Vec<PublicKey>,
    /// Where they are there, certificates may be fetched.
    authorities: Option<Authorities>,
    fetched: Arc<RwLock<Vec<Fetched>>>,
}

#[derive(Debug)]
struct Fetched {
    url: CertificateUrl,
    certificate: Vouched,
    key: PublicKey,
}

/// Why what was fetched is not trusted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum AdmitError {
    #[error("this account fetches no certificates")]
    NotFetching,
    #[error(transparent)]
    Unreadable(#[from] certificate::CertificateError),
    #[error("none of the certificates bears the name that PayPal signs under")]
    Name,
    #[error("it chains to no configured root, or its time is over")]
    Chain,
}

impl Environment {
    /// The name in the certificate.
    pub fn signer(self) -> &'static str {
        match self {
            Self::Live => "messageverificationcerts.paypal.com",
            Self::Sandbox => "messageverificationcerts.sandbox.paypal.com",
        }
    }

    pub(super) fn other(self) -> Self {
        match self {
            Self::Live => Self::Sandbox,
            Self::Sandbox => Self::Live,
        }
    }

    fn hosts(self) -> [&'static str; 2] {
        match self {
            Self::Live => ["api.paypal.com", "api-m.paypal.com"],
            Self::Sandbox => ["api.sandbox.paypal.com", "api-m.sandbox.paypal.com"],
        }
    }
}

impl CertificateUrl {
    /// Takes the url to the letter: no other scheme, no user, no port, no query, no escape.
    pub fn parse(text: &str, environment: Environment) -> Option<Self> {
        let rest = text.strip_prefix(SCHEME)?;
        let (host, _) = rest.split_once('/')?;
        let number = rest[host.len()..].strip_prefix(PATH)?;
        let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
        let is_number = (1..=NUMBER_MAX_BYTES).contains(&number.len());
        let is_known = environment.hosts().contains(&host);
        (is_known && is_number && number.bytes().all(is_plain)).then(|| Self(text.to_owned()))
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Where simulation says that its certificate is.
    pub(super) fn simulated(environment: Environment) -> Self {
        let [host, _] = environment.hosts();
        Self(format!("{SCHEME}{host}{PATH}CERT-simulated"))
    }
}

impl Trust {
    /// Takes keys at the configuration's word, and what the authorities vouch for, if there are any.
    pub fn new(
        environment: Environment,
        pinned: Vec<PublicKey>,
        authorities: Option<Authorities>,
    ) -> Self {
        Self { environment, pinned, authorities, fetched: Arc::default() }
    }

    /// Reads what a section points at; nothing when a problem was noted.
    pub(super) fn configured(section: &Section, material: &mut Material<'_>) -> Option<Self> {
        let certificates = certificate::read(material, "certificates", &section.certificates);
        let roots = certificate::read(material, "roots", &section.roots);
        let (certificates, roots) = (certificates?, roots?);
        let mut pinned = vec![];
        for certificate in &certificates {
            let signer = section.environment.signer();
            if !certificate.is_for_host(signer) {
                let message = format!("only certificates of {signer}, without their issuers");
                material.problem("certificates", message);
                return None;
            }
            match certificate.public_key() {
                Ok(key) => pinned.push(key),
                Err(error) => {
                    material.problem("certificates", error.to_string());
                    return None;
                }
            }
        }
        let authorities = match (section.fetch_certificates, roots.is_empty()) {
            (true, true) => {
                let message = "missing: the root that PayPal's certificates chain to, without \
                               which nothing that is fetched can be trusted";
                material.problem("roots", message);
                return None;
            }
            (false, false) => {
                let message = "is used with fetch_certificates = true only";
                material.problem("roots", message);
                return None;
            }
            (false, true) if pinned.is_empty() => {
                let message = "missing: set certificates, or roots with fetch_certificates = true";
                material.problem("certificates", message);
                return None;
            }
            (false, true) => None,
            (true, false) => match Authorities::new(roots, &[], ChainHash::SHA256) {
                Ok(authorities) => Some(authorities),
                Err(error) => {
                    material.problem("roots", error.to_string());
                    return None;
                }
            },
        };
        Some(Self::new(section.environment, pinned, authorities))
    }

    /// Shares what was fetched before, where all that vouched for it still does.
    pub(super) fn inherit(&mut self, before: &Self) {
        let (Some(now), Some(then)) = (&self.authorities, &before.authorities) else { return };
        if self.environment == before.environment && now.vouches_for_all_of(then) {
            self.fetched = Arc::clone(&before.fetched);
        }
    }

    pub(super) fn environment(&self) -> Environment {
        self.environment
    }

    pub(super) fn notes(&self) -> Vec<KeyNote> {
        let pinned = self.pinned.iter().map(PublicKey::note);
        let authorities = self.authorities.iter().flat_map(Authorities::notes);
        let held = self.fetched.read().unwrap_or_else(PoisonError::into_inner);
        let fetched = held.iter().map(|held| {
            let (note, issuer) = (held.key.note(), held.certificate.by().to_owned());
            let (kind, renewal) = (format!("fetched {}", note.kind), Renewal::Fetching);
            KeyNote { kind, issuer: Some(issuer), renewal, ..note }
        });
        pinned.chain(authorities).chain(fetched).collect()
    }

    /// Which configured key stands for the signature over the text. The url selects among what was fetched.
    pub(super) fn signer(
        &self,
        url: &CertificateUrl,
        text: &[u8],
        signature: &[u8],
        now: OffsetDateTime,
    ) -> Result<String, Rejection> {
        let fetched = self.key_at(url, now);
        let pinned = self.pinned.iter().map(|key| (key, key.id()));
        let mut keys = pinned.chain(fetched.iter().map(|(key, by)| (key, by.as_str())));
        match keys.find(|(key, _)| key.verifies(text, signature)) {
            Some((_, by)) => Ok(by.to_owned()),
            // Another certificate may be there that would verify it.
            None if fetched.is_none() && (self.authorities.is_some() || self.pinned.is_empty()) => {
                Err(Rejection::UnknownKey)
            }
            None => Err(Rejection::Forged),
        }
    }

    /// The keys that may have signed what names this url.
    pub(super) fn keys_for(&self, url: &CertificateUrl, now: OffsetDateTime) -> Vec<PublicKey> {
        let fetched = self.key_at(url, now).map(|(key, _)| key);
        self.pinned.iter().cloned().chain(fetched).collect()
    }

    /// Should the certificate at this url be fetched?
    pub(super) fn wants(&self, url: &CertificateUrl, now: OffsetDateTime) -> bool {
        self.authorities.is_some() && self.key_at(url, now).is_none()
    }

    /// Takes what was fetched from the url, if it chains to a root in PayPal's name. The oldest leaves
    /// when there are too many.
    pub fn admit(
        &self,
        url: CertificateUrl,
        pem: &[u8],
        now: OffsetDateTime,
    ) -> Result<(), AdmitError> {
        let authorities = self.authorities.as_ref().ok_or(AdmitError::NotFetching)?;
        let mut chain = Certificate::parse_all(pem)?;
        let signer = self.environment.signer();
        let leaf = chain.iter().position(|certificate| certificate.is_for_host(signer));
        let leaf = chain.remove(leaf.ok_or(AdmitError::Name)?);
        let key = leaf.public_key().map_err(certificate::CertificateError::from)?;
        let certificate = authorities
            .vouch_for(leaf, &chain, Purpose::ServerAuthentication, now)
            .map_err(|_| AdmitError::Chain)?;
        let mut fetched = self.fetched.write().unwrap_or_else(PoisonError::into_inner);
        // What was received earlier is judged as of then, when the others may not have begun.
        let has_ended = |held: &Fetched| held.certificate.certificate().has_ended_at(now);
        fetched.retain(|held| held.url != url && !has_ended(held));
        if fetched.len() == FETCHED_MAX {
            fetched.remove(0);
        }
        fetched.push(Fetched { url, certificate, key });
        Ok(())
    }

    /// The key that was fetched, and the id of the root that vouches for it.
    fn key_at(&self, url: &CertificateUrl, now: OffsetDateTime) -> Option<(PublicKey, String)> {
        let fetched = self.fetched.read().unwrap_or_else(PoisonError::into_inner);
        let held = fetched.iter().find(|held| held.url == *url)?;
        let is_valid = held.certificate.certificate().is_valid_at(now);
        is_valid.then(|| (held.key.clone(), held.certificate.by().to_owned()))
    }
}

#[cfg(test)]
mod tests;
