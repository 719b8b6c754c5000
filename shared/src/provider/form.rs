//! `application/x-www-form-urlencoded` bodies, as bytes: decoded once, nothing repaired.
//! Source: URL Standard §5.1, narrowed: a bad escape or a repeated key is an error, and so is a key
//! that holds `=` or `&`, because the texts that providers sign would not show where it ends.

use std::collections::BTreeMap;

use super::Rejection;

/// Pairs that a body may have. Alipay sends about 30.
pub const PAIRS_MAX: usize = 256;

/// The decoded pairs, sorted by key in byte order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Form {
    pairs: BTreeMap<Vec<u8>, Vec<u8>>,
}

impl Form {
    /// Splits on `&`, then on the first `=`; `+` is a space; `%XX` is decoded once.
    pub fn parse(body: &[u8]) -> Result<Self, Rejection> {
        let mut pairs = BTreeMap::new();
        if body.is_empty() {
            return Err(Rejection::Malformed("empty body"));
        }
        for pair in body.split(|byte| *byte == b'&') {
            let mut halves = pair.splitn(2, |byte| *byte == b'=');
            let key = decode(halves.next().unwrap_or_default())?;
            let value = decode(halves.next().unwrap_or_default())?;
            if key.is_empty() {
                return Err(Rejection::Malformed("empty key"));
            }
            if key.iter().any(|byte| matches!(byte, b'=' | b'&')) {
                return Err(Rejection::Malformed("a key with a separator"));
            }
            if pairs.insert(key, value).is_some() {
                return Err(Rejection::Malformed("repeated key"));
            }
            if pairs.len() > PAIRS_MAX {
                return Err(Rejection::Malformed("too many pairs"));
            }
        }
        Ok(Self { pairs })
    }

    /// The value's bytes; an empty value counts as absent.
    pub fn get(&self, key: &str) -> Option<&[u8]> {
        self.pairs.get(key.as_bytes()).map(Vec::as_slice).filter(|value| !value.is_empty())
    }

    /// The pairs in byte order of their keys.
    pub fn iter(&self) -> impl Iterator<Item = (&[u8], &[u8])> {
        self.pairs.iter().map(|(key, value)| (key.as_slice(), value.as_slice()))
    }
}

/// Encodes pairs as a provider would, for simulation: everything but unreserved bytes escaped.
pub fn encode<'a>(pairs: impl IntoIterator<Item = (&'a str, &'a [u8])>) -> String {
    let mut body = String::new();
    for (key, value) in pairs {
        if !body.is_empty() {
            body.push('&');
        }
        escape(key.as_bytes(), &mut body);
        body.push('=');
        escape(value, &mut body);
    }
    body
}

fn escape(bytes: &[u8], out: &mut String) {
    for byte in bytes {
        match byte {
            b' ' => out.push('+'),
            b'-' | b'.' | b'_' | b'0'..=b'9' | b'A'..=b'Z' | b'a'..=b'z' => {
                out.push(char::from(*byte));
            }
            _ => out.push_str(&format!("%{byte:02X}")),
        }
    }
}

fn decode(text: &[u8]) -> Result<Vec<u8>, Rejection> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.iter();
    while let Some(byte) = rest.next() {
        bytes.push(match byte {
            b'+' => b' ',
            b'%' => match (rest.next().and_then(nibble), rest.next().and_then(nibble)) {
                (Some(high), Some(low)) => high << 4 | low,
                _ => return Err(Rejection::Malformed("bad escape")),
            },
            _ => *byte,
        });
    }
    Ok(bytes)
}

fn nibble(digit: &u8) -> Option<u8> {
    char::from(*digit).to_digit(16).and_then(|value| u8::try_from(value).ok())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_body_is_decoded_exactly_once() {
        let form = Form::parse(b"a=1%2B1+%2525&b=x=y&c").unwrap();
        assert_eq!(form.get("a"), Some(&b"1+1 %25"[..]));
        assert_eq!(form.get("b"), Some(&b"x=y"[..]));
        assert_eq!(form.get("c"), None);
    }

    #[test]
    fn what_is_no_form_is_refused() {
        for body in
            [&b""[..], b"a=1&a=2", b"a=%2", b"a=%zz", b"=1", b"&", b"a=%+1", b"a%3D1=2", b"a%26b=1"]
        {
            assert!(matches!(Form::parse(body), Err(Rejection::Malformed(_))), "{body:?}");
        }
    }

    proptest! {
        #[test]
        fn what_is_encoded_decodes_to_itself(value in prop::collection::vec(any::<u8>(), 0..64)) {
            let body = encode([("key", value.as_slice())]);
            let form = Form::parse(body.as_bytes()).unwrap();
            prop_assert_eq!(form.iter().next().unwrap().1, value.as_slice());
        }
    }
}
