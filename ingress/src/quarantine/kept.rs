//! One kept request as a file's bytes: what is told of it, then the request, each sealed.
//!
//! **Invariant**: nothing of a request stands on the disk in the clear, and its parts open only
//! together with the account and the id that they were sealed for.

use serde::{Deserialize, Serialize};
use shared::provider::{Headers, Request};
use shared::secret::cipher::{Cipher, CipherError};
use time::OffsetDateTime;
use uuid::Uuid;

/// The form's name and version.
const MAGIC: &[u8; 8] = b"quitqr\x00\x01";
const LENGTH_BYTES: usize = 4;
/// What is told of a request has less than 300 bytes.
const ABOUT_MAX_BYTES: usize = 1_024;
/// The head that [`about`] needs.
pub const HEAD_MAX_BYTES: usize = MAGIC.len() + LENGTH_BYTES + ABOUT_MAX_BYTES;
/// Beside its body a request has some headers, of 4 KiB each.
pub const BYTES_MAX: u64 = (1 << 20) + (256 << 10);

/// What is told of a kept request.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct About {
    pub account: String,
    pub provider: String,
    /// Why it was not let in, as the counters name it.
    pub reason: String,
    #[serde(with = "time::serde::rfc3339")]
    pub received_at: OffsetDateTime,
    /// Of the body.
    pub bytes: u64,
}

/// Why a file is no kept request that can be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Unusable {
    #[error("it is no file of a quarantine")]
    Form,
    #[error("{0}")]
    Sealed(#[from] CipherError),
    #[error("it cannot be read: {0}")]
    File(String),
}

/// The file's bytes.
pub fn seal(
    id: Uuid,
    about: &About,
    request: &Request,
    cipher: &Cipher,
) -> Result<Vec<u8>, Unusable> {
    let text = serde_json::to_vec(about).map_err(|_| Unusable::Form)?;
    let told = cipher.seal(&context("about", &about.account, id), &text)?;
    let headers: Vec<(&str, &str)> = request.headers.iter().collect();
    let headers = serde_json::to_vec(&headers).map_err(|_| Unusable::Form)?;
    let plain = [&with_length(&headers)?, &request.body[..]].concat();
    let sealed = cipher.seal(&context("request", &about.account, id), &plain)?;
    Ok([&MAGIC[..], &with_length(&told)?, &sealed].concat())
}

/// What is told of the request, from the file's head at least.
pub fn about(id: Uuid, account: &str, bytes: &[u8], cipher: &Cipher) -> Result<About, Unusable> {
    let (told, _) = parts(bytes)?;
    let text = cipher.open(&context("about", account, id), told)?;
    serde_json::from_slice(&text).map_err(|_| Unusable::Form)
}

/// The whole of it.
pub fn open(
    id: Uuid,
    account: &str,
    bytes: &[u8],
    cipher: &Cipher,
) -> Result<(About, Request), Unusable> {
    let about = about(id, account, bytes, cipher)?;
    let (_, sealed) = parts(bytes)?;
    let plain = cipher.open(&context("request", account, id), sealed)?;
    let (headers, body) = split(&plain).ok_or(Unusable::Form)?;
    let headers: Vec<(String, String)> =
        serde_json::from_slice(headers).map_err(|_| Unusable::Form)?;
    let pairs = headers.iter().map(|(name, value)| (name.as_str(), value.as_bytes()));
    let headers = Headers::new(pairs).map_err(|_| Unusable::Form)?;
    Ok((about, Request { headers, body: body.to_vec().into() }))
}

/// Every part is sealed for its place, its account and its id.
fn context(part: &str, account: &str, id: Uuid) -> Vec<u8> {
    format!("quittance quarantine {part}\0{account}\0{id}").into_bytes()
}

fn parts(bytes: &[u8]) -> Result<(&[u8], &[u8]), Unusable> {
    let rest = bytes.strip_prefix(MAGIC).ok_or(Unusable::Form)?;
    let (told, sealed) = split(rest).ok_or(Unusable::Form)?;
    if told.len() > ABOUT_MAX_BYTES { Err(Unusable::Form) } else { Ok((told, sealed)) }
}

fn with_length(bytes: &[u8]) -> Result<Vec<u8>, Unusable> {
    let length = u32::try_from(bytes.len()).map_err(|_| Unusable::Form)?;
    Ok([&length.to_be_bytes(), bytes].concat())
}

fn split(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let (length, rest) = bytes.split_first_chunk::<LENGTH_BYTES>()?;
    rest.split_at_checked(usize::try_from(u32::from_be_bytes(*length)).ok()?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use time::macros::datetime;

    fn sample() -> (Uuid, About, Request, Cipher) {
        let about = About {
            account: "shop".into(),
            provider: "alipay".into(),
            reason: "not_a_notification".into(),
            received_at: datetime!(2026-11-23 12:00:00.000001 UTC),
            bytes: 12,
        };
        let headers = Headers::new([("Content-Type", &b"text/plain"[..]), ("x-a", b"1")]).unwrap();
        let request = Request { headers, body: (&b"buyer_id=208"[..]).into() };
        (Uuid::now_v7(), about, request, Cipher::parse(&Cipher::generate()).unwrap())
    }

    #[test]
    fn what_was_kept_opens_unchanged_and_shows_nothing() {
        let (id, about_it, request, cipher) = sample();
        let bytes = seal(id, &about_it, &request, &cipher).unwrap();
        let (told, opened) = open(id, "shop", &bytes, &cipher).unwrap();
        assert_eq!((&told, &opened.headers), (&about_it, &request.headers));
        assert_eq!(opened.body, request.body);
        let head = &bytes[..bytes.len().min(HEAD_MAX_BYTES)];
        assert_eq!(about(id, "shop", head, &cipher).unwrap(), about_it);
        for word in ["buyer", "alipay", "shop", "text/plain"] {
            assert!(!bytes.windows(word.len()).any(|window| window == word.as_bytes()), "{word}");
        }
    }

    #[test]
    fn a_changed_a_renamed_or_a_moved_file_does_not_open() {
        let (id, about, request, cipher) = sample();
        let bytes = seal(id, &about, &request, &cipher).unwrap();
        for index in 0..bytes.len() {
            let mut changed = bytes.clone();
            changed[index] ^= 1;
            assert!(open(id, "shop", &changed, &cipher).is_err(), "{index}");
            assert!(open(id, "shop", &bytes[..index], &cipher).is_err(), "{index}");
        }
        assert!(open(Uuid::now_v7(), "shop", &bytes, &cipher).is_err());
        assert!(open(id, "outlet", &bytes, &cipher).is_err());
        let other = Cipher::parse(&Cipher::generate()).unwrap();
        let refused = open(id, "shop", &bytes, &other).unwrap_err();
        assert_eq!(refused, Unusable::Sealed(CipherError::Open));
        assert_eq!(open(id, "shop", b"something else", &cipher).unwrap_err(), Unusable::Form);
    }
}
