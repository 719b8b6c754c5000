//! HTTP basic authentication, which Adyen can send in addition to its signatures. Source: RFC 7617.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;

use super::{Headers, Material, Rejection, Secret, Section, is_same};
use crate::provider::mac::hmac_sha256;

pub(super) const HEADER: &str = "authorization";
const SCHEME: &str = "basic";

/// A user's name and password.
#[derive(Debug, Clone)]
pub struct Credentials(Secret);

impl Credentials {
    pub fn new(username: &str, password: &Secret) -> Self {
        Self(Secret::new(format!("{username}:{}", password.reveal())))
    }

    /// The header's value, for simulation.
    pub fn header(&self) -> (&'static str, String) {
        (HEADER, format!("Basic {}", BASE64.encode(self.0.reveal())))
    }

    /// Missing ones count as no signature, wrong ones as a forged one.
    pub(super) fn check(&self, headers: &Headers) -> Result<(), Rejection> {
        let value = headers.get(HEADER).ok_or(Rejection::Unsigned)?;
        let (scheme, encoded) = value.split_once(' ').ok_or(Rejection::Unsigned)?;
        if !scheme.eq_ignore_ascii_case(SCHEME) {
            return Err(Rejection::WrongAlgorithm);
        }
        let given = BASE64.decode(encoded.trim()).map_err(|_| Rejection::Forged)?;
        // Codes have one length, so not even the length of the expected text shows in the time.
        let code = |text: &[u8]| hmac_sha256(SCHEME.as_bytes(), &[text]);
        let same = is_same(&code(self.0.reveal().as_bytes()), &code(&given));
        if same { Ok(()) } else { Err(Rejection::Forged) }
    }
}

/// What the section says. The outer nothing: a problem was noted.
pub(super) fn configured(
    section: &Section,
    material: &mut Material<'_>,
) -> Option<Option<Credentials>> {
    let (value, file) = (section.password.as_ref(), section.password_file.as_ref());
    let Some(username) = &section.username else {
        if value.is_some() || file.is_some() {
            material.problem("username", "missing: a password needs a user name");
            return None;
        }
        return Some(None);
    };
    let username = material.filled("username", username)?;
    if username.contains(':') {
        material.problem("username", "a user name has no `:`");
        return None;
    }
    let password = material.secret("password", value, file)?;
    Some(Some(Credentials::new(&username, &password)))
}
