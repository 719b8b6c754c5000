//! One HTTP request as it came, with those of its headers that a protocol reads.

use bytes::Bytes;

use super::{Provider, Rejection};

const CONTENT_TYPE: &str = "content-type";
const CONTENT_ENCODING: &str = "content-encoding";
/// The longest that a provider sends is PayPal's signature, below 1 KiB.
const VALUE_MAX_BYTES: usize = 4 * 1024;

#[derive(Debug, Clone)]
pub struct Request {
    pub headers: Headers,
    pub body: Bytes,
}

impl Request {
    /// Keeps what the provider's protocol reads. Nobody asked for a compressed body, so that is refused.
    pub fn admit<'a>(
        provider: Provider,
        headers: impl Iterator<Item = (&'a str, &'a [u8])>,
        body: Bytes,
    ) -> Result<Self, Rejection> {
        let mut read = vec![];
        for (name, value) in headers {
            let is = |known: &str| known.eq_ignore_ascii_case(name);
            if is(CONTENT_ENCODING) {
                return Err(Rejection::Malformed("content encoding"));
            }
            if is(CONTENT_TYPE) || provider.headers().iter().any(|known| is(known)) {
                read.push((name, value));
            }
        }
        Ok(Self { headers: Headers::new(read)?, body })
    }
}

/// Headers by lower-case name; each stands once.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Headers(Vec<(String, String)>);

impl Headers {
    /// Takes names in any case. A repeated name, a value that is too long or not visible ASCII: refused.
    pub fn new<'a>(
        pairs: impl IntoIterator<Item = (&'a str, &'a [u8])>,
    ) -> Result<Self, Rejection> {
        let mut headers: Vec<(String, String)> = vec![];
        for (name, value) in pairs {
            let name = name.to_ascii_lowercase();
            let visible = value.iter().all(|byte| matches!(byte, b' '..=b'~' | b'\t'));
            if value.len() > VALUE_MAX_BYTES || !visible {
                return Err(Rejection::Malformed("a header's value"));
            }
            if headers.iter().any(|(known, _)| *known == name) {
                return Err(Rejection::Malformed("a repeated header"));
            }
            headers.push((name, String::from_utf8_lossy(value).trim().to_owned()));
        }
        Ok(Self(headers))
    }

    /// The value under a lower-case name; an empty one counts as absent.
    pub fn get(&self, name: &str) -> Option<&str> {
        let value = self.0.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str());
        value.filter(|value| !value.is_empty())
    }

    pub fn content_type(&self) -> Option<&str> {
        self.get(CONTENT_TYPE)
    }

    /// Is it of this media type, whatever its parameters? Where none is named, it may be.
    pub(crate) fn may_be(&self, media_type: &str) -> bool {
        self.0.iter().filter(|(name, _)| name == CONTENT_TYPE).all(|(_, content_type)| {
            let essence = content_type.split(';').next().unwrap_or_default();
            essence.trim().eq_ignore_ascii_case(media_type)
        })
    }

    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().map(|(name, value)| (name.as_str(), value.as_str()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_header_stands_once_in_visible_letters() {
        let headers = Headers::new([("X-Id", &b" 1 "[..]), ("Content-Type", b"a/B; c=d")]).unwrap();
        assert_eq!((headers.get("x-id"), headers.get("x-none")), (Some("1"), None));
        assert!(headers.may_be("A/b") && !headers.may_be("a/c"));
        for pairs in [
            [("a", &b"1"[..]), ("A", b"1")],
            [("a", b"\x00"), ("b", b"1")],
            [("a", &[b'x'; VALUE_MAX_BYTES + 1]), ("b", b"1")],
        ] {
            assert!(Headers::new(pairs).is_err(), "{pairs:?}");
        }
    }
}
