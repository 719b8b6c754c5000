//! `application/x-www-form-urlencoded` bodies, as bytes: decoded once, nothing repaired.
//! Source: URL Standard §5.1, narrowed: a bad escape or a repeated key is an error, and so is a key
//! that holds `=` or `&`, because the texts that providers sign would not show where it ends.

use std::ops::Range;

use super::Rejection;

/// Pairs that a body may have. Alipay sends about 30.
pub const PAIRS_MAX: usize = 256;

/// The decoded pairs, sorted by key in byte order, in one piece of memory.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Form {
    decoded: Vec<u8>,
    pairs: Vec<Pair>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Pair {
    key: Range<usize>,
    value: Range<usize>,
}

impl Form {
    /// Splits on `&`, then on the first `=`; `+` is a space; `%XX` is decoded once.
    pub fn parse(body: &[u8]) -> Result<Self, Rejection> {
        if body.is_empty() {
            return Err(Rejection::Malformed("empty body"));
        }
        let mut form = Self { decoded: Vec::with_capacity(body.len()), pairs: vec![] };
        for pair in body.split(|byte| *byte == b'&') {
            let mut halves = pair.splitn(2, |byte| *byte == b'=');
            let key = form.decode(halves.next().unwrap_or_default())?;
            let value = form.decode(halves.next().unwrap_or_default())?;
            if key.is_empty() {
                return Err(Rejection::Malformed("empty key"));
            }
            if form.decoded[key.clone()].iter().any(|byte| matches!(byte, b'=' | b'&')) {
                return Err(Rejection::Malformed("a key with a separator"));
            }
            form.pairs.push(Pair { key, value });
            if form.pairs.len() > PAIRS_MAX {
                return Err(Rejection::Malformed("too many pairs"));
            }
        }
        let Self { decoded, pairs } = &mut form;
        pairs.sort_unstable_by(|a, b| decoded[a.key.clone()].cmp(&decoded[b.key.clone()]));
        if pairs.windows(2).any(|two| decoded[two[0].key.clone()] == decoded[two[1].key.clone()]) {
            return Err(Rejection::Malformed("repeated key"));
        }
        Ok(form)
    }

    /// The value's bytes; an empty value counts as absent.
    pub fn get(&self, key: &str) -> Option<&[u8]> {
        let found =
            self.pairs.binary_search_by(|pair| self.decoded[pair.key.clone()].cmp(key.as_bytes()));
        let value = &self.decoded[self.pairs[found.ok()?].value.clone()];
        (!value.is_empty()).then_some(value)
    }

    /// The pairs in byte order of their keys.
    pub fn iter(&self) -> impl Iterator<Item = (&[u8], &[u8])> {
        let bytes = |range: &Range<usize>| &self.decoded[range.clone()];
        self.pairs.iter().map(move |pair| (bytes(&pair.key), bytes(&pair.value)))
    }

    /// All keys and values together, in bytes.
    pub fn len_bytes(&self) -> usize {
        self.decoded.len()
    }

    fn decode(&mut self, mut text: &[u8]) -> Result<Range<usize>, Rejection> {
        let begin = self.decoded.len();
        while let Some(at) = text.iter().position(|byte| matches!(byte, b'+' | b'%')) {
            self.decoded.extend_from_slice(&text[..at]);
            if text[at] == b'+' {
                self.decoded.push(b' ');
                text = &text[at + 1..];
                continue;
            }
            let [high, low] = [at + 1, at + 2].map(|place| text.get(place).and_then(nibble));
            let (Some(high), Some(low)) = (high, low) else {
                return Err(Rejection::Malformed("bad escape"));
            };
            self.decoded.push(high << 4 | low);
            text = &text[at + 3..];
        }
        self.decoded.extend_from_slice(text);
        Ok(begin..self.decoded.len())
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

fn nibble(digit: &u8) -> Option<u8> {
    match digit {
        b'0'..=b'9' => Some(digit - b'0'),
        b'a'..=b'f' => Some(digit - b'a' + 10),
        b'A'..=b'F' => Some(digit - b'A' + 10),
        _ => None,
    }
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
