//! What proves a message of UnionPay: a certificate that is vouched for or pinned, or a secure key.

use aws_lc_rs::constant_time::verify_slices_are_equal;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use sha2::{Digest as _, Sha256};
use time::OffsetDateTime;

use super::super::certificate::{
    self, Authorities, Certificate, CertificateError, Purpose, Unvouched,
};
use super::super::form::Form;
use super::super::mac::to_hex;
use super::super::material::Material;
use super::super::protocol::Distrust;
use super::super::public_key::PublicKey;
use super::super::{KeyNote, Rejection};
use super::{Section, SignMethod, signed_text};
use crate::secret::Secret;

/// `signPubKeyCert` as text. UnionPay's have about 1600 bytes.
const CERTIFICATE_TEXT_MAX_BYTES: usize = 12 * 1024;

/// Whoever sees one notification can try every shorter key.
const SECURE_KEY_MIN_BYTES: usize = 16;

/// What an account trusts.
#[derive(Debug, Clone)]
pub enum Trust {
    Certificates(Certificates),
    SecureKeys(Vec<Secret>),
}

/// Which certificates an account takes from a message.
#[derive(Debug, Clone)]
pub struct Certificates {
    pinned: Vec<Pinned>,
    authorities: Option<Authorities>,
    organisation: String,
}

/// A key that the configuration stands for, whatever the dates of its certificate.
#[derive(Debug, Clone)]
struct Pinned {
    key_hash: [u8; 32],
    public_key: PublicKey,
}

/// What came with a message, once something configured stands for it.
struct Sent {
    key: PublicKey,
    /// [`KeyNote::id`] of what stands for it: the pin, or the nearest issuer.
    by: String,
}

impl Trust {
    /// Reads what a section points at; nothing when a problem was noted.
    pub(super) fn configured(section: &Section, material: &mut Material<'_>) -> Option<Self> {
        let secret = (section.secure_key.as_ref(), section.secure_key_file.as_ref());
        match section.sign_method {
            SignMethod::Certificate if secret != (None, None) => {
                material.problem("secure_key", "is used with sign_method = \"11\" only");
                None
            }
            SignMethod::Certificate => {
                Certificates::configured(section, material).map(Self::Certificates)
            }
            SignMethod::SecureKey => {
                let files = [&section.roots, &section.intermediates, &section.pinned_certificates];
                if files.iter().any(|files| !files.is_empty()) {
                    let message = "certificates are used with sign_method = \"01\" only";
                    material.problem("sign_method", message);
                    return None;
                }
                let keys = material.secrets("secure_key", secret.0, secret.1)?;
                if keys.iter().any(|key| key.reveal().len() < SECURE_KEY_MIN_BYTES) {
                    let rule =
                        format!("a weak key: at least {SECURE_KEY_MIN_BYTES} bytes are needed");
                    material.problem("secure_key", rule);
                    return None;
                }
                Some(Self::SecureKeys(keys))
            }
        }
    }

    /// The `signMethod` that a message must bear.
    pub(super) fn method(&self) -> SignMethod {
        match self {
            Self::Certificates(_) => SignMethod::Certificate,
            Self::SecureKeys(_) => SignMethod::SecureKey,
        }
    }

    pub(super) fn notes(&self) -> Vec<KeyNote> {
        match self {
            Self::Certificates(trusted) => {
                let pinned = trusted.pinned.iter().map(|pinned| pinned.public_key.note());
                pinned.chain(trusted.authorities.iter().flat_map(Authorities::notes)).collect()
            }
            Self::SecureKeys(keys) => {
                let note =
                    |key: &Secret| KeyNote::bare(key.fingerprint(), "SHA-256 with secure key");
                keys.iter().map(note).collect()
            }
        }
    }

    /// The key that must have signed the form, where a certificate in it names one.
    pub(super) fn certified(&self, form: &Form, now: OffsetDateTime) -> Option<PublicKey> {
        match self {
            Self::Certificates(trusted) => trusted.key_of(form, now).ok().map(|sent| sent.key),
            Self::SecureKeys(_) => None,
        }
    }

    /// What stands against the certificate in the form.
    pub(super) fn distrust(&self, form: &Form, now: OffsetDateTime) -> Option<Distrust> {
        match self {
            Self::Certificates(trusted) => trusted.key_of(form, now).err(),
            Self::SecureKeys(_) => None,
        }
    }

    /// Which configured key stands for the signature over the form's text.
    pub(super) fn signer(
        &self,
        form: &Form,
        signature: &[u8],
        now: OffsetDateTime,
    ) -> Result<String, Rejection> {
        match self {
            Self::Certificates(trusted) => {
                let Sent { key, by } =
                    trusted.key_of(form, now).map_err(|_| Rejection::UnknownKey)?;
                let signature = BASE64.decode(signature).map_err(|_| Rejection::Forged)?;
                let signed = to_hex(&Sha256::digest(signed_text(form)));
                if !key.verifies(signed.as_bytes(), &signature) {
                    return Err(Rejection::Forged);
                }
                Ok(by)
            }
            Self::SecureKeys(keys) => {
                let text = signed_text(form);
                let made = |key: &&Secret| {
                    let expected = keyed_hash(&text, key);
                    verify_slices_are_equal(expected.as_bytes(), signature).is_ok()
                };
                keys.iter().find(made).map(Secret::fingerprint).ok_or(Rejection::Forged)
            }
        }
    }
}

impl Certificates {
    /// Takes the pinned ones for their keys, and others as far as the authorities vouch for them in
    /// the organisation's name.
    pub fn new(
        pinned: &[Certificate],
        authorities: Option<Authorities>,
        organisation: &str,
    ) -> Result<Self, CertificateError> {
        let pin = |certificate: &Certificate| {
            let (key_hash, public_key) = (certificate.key_hash(), certificate.public_key()?);
            Ok(Pinned { key_hash, public_key })
        };
        let pinned: Result<_, CertificateError> = pinned.iter().map(pin).collect();
        Ok(Self { pinned: pinned?, authorities, organisation: organisation.to_owned() })
    }

    fn configured(section: &Section, material: &mut Material<'_>) -> Option<Self> {
        let pinned =
            certificate::read(material, "pinned_certificates", &section.pinned_certificates);
        let roots = certificate::read(material, "roots", &section.roots);
        let intermediates = certificate::read(material, "intermediates", &section.intermediates);
        let organisation = material.filled("organisation", &section.organisation);
        let (pinned, roots, intermediates) = (pinned?, roots?, intermediates?);
        if roots.is_empty() && !intermediates.is_empty() {
            material.problem("roots", "missing: the root that the intermediates lead to");
            return None;
        }
        if roots.is_empty() && pinned.is_empty() {
            let message = "missing: set roots (and intermediates), or pinned_certificates";
            material.problem("roots", message);
            return None;
        }
        let authorities = match roots.is_empty() {
            true => None,
            false => match Authorities::new(roots, &intermediates, section.chain_hash) {
                Ok(authorities) => Some(authorities),
                Err(error) => {
                    material.problem("roots", error.to_string());
                    return None;
                }
            },
        };
        match Self::new(&pinned, authorities, &organisation?) {
            Ok(trusted) => Some(trusted),
            Err(error) => {
                material.problem("pinned_certificates", error.to_string());
                None
            }
        }
    }

    /// The key of the certificate that came with a message, once something stands for it.
    fn key_of(&self, form: &Form, now: OffsetDateTime) -> Result<Sent, Distrust> {
        let sent = form.get("signPubKeyCert");
        let sent = sent.ok_or(Distrust::Refused("there is no certificate in signPubKeyCert"))?;
        if sent.len() > CERTIFICATE_TEXT_MAX_BYTES {
            return Err(Distrust::Refused("signPubKeyCert is too long for one certificate"));
        }
        let unreadable = Distrust::Refused("signPubKeyCert cannot be read as one certificate");
        let certificate = Certificate::parse(sent).map_err(|_| unreadable)?;
        let key_hash = certificate.key_hash();
        if let Some(pinned) = self.pinned.iter().find(|pinned| pinned.key_hash == key_hash) {
            let key = pinned.public_key.clone();
            return Ok(Sent { by: key.id().to_owned(), key });
        }
        // Such as `041@8310000000083040@中国银联股份有限公司@00016495`.
        let organisation = certificate.common_name().and_then(|name| name.split('@').nth(2));
        let is_of_organisation = organisation == Some(self.organisation.as_str());
        let authorities = self.authorities.as_ref();
        let authorities = authorities
            .ok_or(Distrust::Unknown("the certificate's key is none of pinned_certificates"))?;
        let purpose = Purpose::ClientAuthentication;
        let vouched = authorities.vouch_for(certificate, &[], purpose, now).map_err(refused)?;
        if !is_of_organisation {
            return Err(Distrust::Refused("the certificate is of another `organisation`"));
        }
        let key = vouched.certificate().public_key();
        let by = vouched.by().to_owned();
        key.map(|key| Sent { key, by }).map_err(|_| {
            Distrust::Refused("the certificate's key is not RSA of a size that is taken")
        })
    }
}

fn refused(why: Unvouched) -> Distrust {
    match why {
        Unvouched::Issuer | Unvouched::Itself => Distrust::Unknown(why.says()),
        Unvouched::Ended
        | Unvouched::NotYet
        | Unvouched::Algorithm
        | Unvouched::Purpose
        | Unvouched::Version
        | Unvouched::Rules => Distrust::Refused(why.says()),
    }
}

/// The signature under `signMethod` 11: the hash of the text with the hash of the key behind it.
pub(super) fn keyed_hash(text: &[u8], key: &Secret) -> String {
    let key = to_hex(&Sha256::digest(key.reveal()));
    to_hex(&Sha256::new().chain_update(text).chain_update(b"&").chain_update(key).finalize())
}

#[cfg(test)]
mod tests;
