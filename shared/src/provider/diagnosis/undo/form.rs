//! Forms read leniently, as whatever stood in between may have read them, and escapes decoded twice.

use super::super::super::Received;
use super::super::super::form::{PAIRS_MAX, encode};
use super::{Clues, Mended, Proposals, none, these};

/// Where the signature itself stands; its letters are base64.
pub(super) const SIGNATURES: [&str; 2] = ["sign", "signature"];

/// Pairs in their order; keys may repeat.
#[derive(Clone, PartialEq, Eq)]
pub(super) struct Pairs(pub(super) Vec<(String, Vec<u8>)>);

impl Pairs {
    /// Decoded once; a bad escape stands for itself. Nothing: it does not look like a form.
    pub(super) fn decoded(body: &[u8]) -> Option<Self> {
        let pairs = split(body)?.into_iter();
        let decode = |(key, value): (&[u8], Vec<u8>)| (text(&decoded(key)), decoded(&value));
        Some(Self(pairs.map(decode).collect()))
    }

    /// Taken literally: escapes are text. What has no `=` behind a name belongs to the value before it.
    pub(super) fn literal(body: &[u8]) -> Option<Self> {
        let mut pairs: Vec<(String, Vec<u8>)> = vec![];
        for (key, value) in split(body)? {
            let is_name = |byte: &u8| byte.is_ascii_alphanumeric() || b"_-.[]".contains(byte);
            match pairs.last_mut() {
                Some((_, before)) if !key.iter().all(is_name) => {
                    before.push(b'&');
                    before.extend_from_slice(key);
                    before.push(b'=');
                    before.extend(value);
                }
                Some(_) | None => pairs.push((text(key), value)),
            }
        }
        Some(Self(pairs))
    }

    pub(super) fn map(&self, change: impl Fn(&str, &[u8]) -> Vec<u8>) -> Self {
        let pairs = self.0.iter().map(|(key, value)| (key.clone(), change(key, value)));
        Self(pairs.collect())
    }

    pub(super) fn encode(&self) -> Vec<u8> {
        encode(self.0.iter().map(|(key, value)| (key.as_str(), value.as_slice()))).into_bytes()
    }
}

/// The whole body was decoded before it was sent on.
pub(super) fn decoded_twice<'a>(received: &'a Received, _: &'a Clues) -> Proposals<'a> {
    let mut found = vec![];
    let mut add = |pairs: Pairs| found.push(Mended::new(received.with_body(pairs.encode())));
    if let Some(pairs) = Pairs::literal(&received.body) {
        add(pairs.clone());
        // Where `+` still stands for a blank.
        let blank = |value: &[u8]| -> Vec<u8> {
            value.iter().map(|byte| if *byte == b'+' { b' ' } else { *byte }).collect()
        };
        let is_signature = |key: &str| SIGNATURES.contains(&key);
        let times = pairs.map(|_, v| if is_time(v) { blank(v) } else { v.to_vec() });
        if times != pairs {
            add(times);
            add(pairs.map(|k, v| if is_signature(k) { v.to_vec() } else { blank(v) }));
        }
    }
    these(found)
}

/// The values, or the whole body, were escaped once more before it was sent on.
pub(super) fn encoded_twice<'a>(received: &'a Received, _: &'a Clues) -> Proposals<'a> {
    let body = &received.body[..];
    let mut found = vec![];
    if !body.contains(&b'=') && body.windows(3).any(|escape| escape.eq_ignore_ascii_case(b"%3d")) {
        found.push(Mended::new(received.with_body(decoded(body))));
    }
    if let Some(pairs) = Pairs::decoded(body) {
        // As forms escape, where a blank is `+`; and as addresses do, where it is `%20`.
        let unescaped = |value: &[u8]| {
            let kept = value.iter().flat_map(|byte| match byte {
                b'+' => b"%2B".to_vec(),
                other => vec![*other],
            });
            decoded(&kept.collect::<Vec<u8>>())
        };
        for once in [pairs.map(|_, v| decoded(v)), pairs.map(|_, v| unescaped(v))] {
            if once != pairs {
                found.push(Mended::new(received.with_body(once.encode())));
            }
        }
    }
    these(found)
}

/// The body's pairs stand in the address.
pub(super) fn in_query<'a>(received: &'a Received, _: &'a Clues) -> Proposals<'a> {
    let Some(query) = received.query.as_deref().filter(|query| !query.is_empty()) else {
        return none();
    };
    let (query, body) = (query.as_bytes(), &received.body[..]);
    let bodies = match body {
        b"" => vec![query.to_vec()],
        _ => vec![[body, b"&", query].concat(), query.to_vec()],
    };
    these(bodies.into_iter().map(|body| Mended::new(received.with_body(body))))
}

/// `2026-11-23 12:00:05`, whatever stands for the blank.
pub(super) fn is_time(value: &[u8]) -> bool {
    let shape = |(byte, like): (&u8, &u8)| match like {
        b'0' => byte.is_ascii_digit(),
        b' ' => matches!(byte, b' ' | b'+'),
        _ => byte == like,
    };
    value.len() >= 19 && value.iter().zip(b"0000-00-00 00:00:00").all(shape)
}

fn split(body: &[u8]) -> Option<Vec<(&[u8], Vec<u8>)>> {
    let first = body.first()?;
    if b"{[<".contains(first) || !body.contains(&b'=') {
        return None;
    }
    let pairs: Vec<_> = body.split(|byte| *byte == b'&').take(PAIRS_MAX + 1).collect();
    if pairs.len() > PAIRS_MAX {
        return None;
    }
    let halves = |pair: &'_ [u8]| pair.iter().position(|byte| *byte == b'=');
    let pair = |pair| match halves(pair) {
        Some(at) => (&pair[..at], pair[at + 1..].to_vec()),
        None => (pair, vec![]),
    };
    Some(pairs.into_iter().map(pair).collect())
}

fn decoded(text: &[u8]) -> Vec<u8> {
    let digit = |at: usize| text.get(at).and_then(|byte| char::from(*byte).to_digit(16));
    let (mut out, mut at) = (Vec::with_capacity(text.len()), 0);
    while let Some(byte) = text.get(at) {
        let (decoded, length) = match (byte, digit(at + 1), digit(at + 2)) {
            (b'%', Some(high), Some(low)) => (u8::try_from(high << 4 | low).unwrap_or(b'%'), 3),
            (b'+', ..) => (b' ', 1),
            (byte, ..) => (*byte, 1),
        };
        out.push(decoded);
        at += length;
    }
    out
}

fn text(key: &[u8]) -> String {
    String::from_utf8_lossy(key).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_form_is_read_as_leniently_as_by_whoever_broke_it() {
        let pairs = Pairs::decoded(b"a=1+%zz&b=%E8%AF&a=2&c").unwrap();
        assert_eq!(pairs.encode(), b"a=1+%25zz&b=%E8%AF&a=2&c=");
        let pairs = Pairs::literal(b"a=x & y=1&b=%2B").unwrap();
        assert_eq!(pairs.encode(), b"a=x+%26+y%3D1&b=%252B");
        assert!(Pairs::decoded(b"{\"a=\":1}").is_none() && Pairs::decoded(b"abc").is_none());
    }

    #[test]
    fn a_time_is_told_from_a_text() {
        assert!(is_time(b"2026-11-23 12:00:05") && is_time(b"2026-11-23+12:00:05.320"));
        assert!(!is_time(b"2026-11-23T12:00:05") && !is_time(b"2026-11-23 12:00"));
    }
}
