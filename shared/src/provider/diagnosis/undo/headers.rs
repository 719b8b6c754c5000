//! Headers that were dropped, renamed, repeated or added on the way, and a wrong name of a key.

use super::super::super::Received;
use super::{Clues, Mended, Proposals, these};

const CONTENT_ENCODING: &str = "content-encoding";
const CONTENT_TYPE: &str = "content-type";

/// The header stayed though the body is no longer compressed.
pub(super) fn encoding<'a>(received: &'a Received, _: &'a Clues) -> Proposals<'a> {
    let stated = received.header(CONTENT_ENCODING);
    let mended = stated.map(|_| {
        let detail = "the body is not compressed any more, only the header says so";
        Mended::with(received.without(CONTENT_ENCODING), detail)
    });
    these(mended)
}

pub(super) fn content_type<'a>(received: &'a Received, _: &'a Clues) -> Proposals<'a> {
    let stated = received.header(CONTENT_TYPE);
    these(stated.map(|_| Mended::new(received.without(CONTENT_TYPE))))
}

/// The first or the last of each; and `x` where it says `x, x`.
pub(super) fn repeated<'a>(received: &'a Received, clues: &'a Clues) -> Proposals<'a> {
    let names = || clues.provider.headers().iter().copied().chain([CONTENT_TYPE]);
    let values = |name: &str| -> Vec<Vec<u8>> {
        let named = received.headers.iter().filter(|(known, _)| known.eq_ignore_ascii_case(name));
        named.map(|(_, value)| value.clone()).collect()
    };
    let twice: Vec<_> = names().filter(|name| values(name).len() > 1).collect();
    let mut found = vec![];
    if !twice.is_empty() {
        for choose in [<[Vec<u8>]>::first, <[Vec<u8>]>::last] {
            let one = |other: Received, name: &&str| match choose(&values(name)) {
                Some(value) => other.with_header(name, value),
                None => other,
            };
            let mended = twice.iter().fold(received.clone(), one);
            found.push(Mended::with(mended, twice.join(", ")));
        }
    }
    for name in names() {
        if let Some(half) = received.header(name).and_then(joined) {
            found.push(Mended::with(received.with_header(name, half), name));
        }
    }
    these(found)
}

/// `HTTP_STRIPE_SIGNATURE`, `x-original-stripe-signature` and the like.
pub(super) fn renamed<'a>(received: &'a Received, clues: &'a Clues) -> Proposals<'a> {
    let (mut mended, mut names) = (received.clone(), vec![]);
    for wanted in clues.provider.headers() {
        if received.header(wanted).is_some() {
            continue;
        }
        let like = |name: &str| {
            let plain = name.to_ascii_lowercase().replace('_', "-");
            let before = plain.strip_suffix(wanted);
            before.is_some_and(|before| before.is_empty() || before.ends_with('-'))
        };
        if let Some((name, value)) = received.headers.iter().find(|(name, _)| like(name)) {
            mended = mended.with_header(wanted, value);
            names.push(name.as_str());
        }
    }
    these((!names.is_empty()).then(|| Mended::naming(mended, names)))
}

/// Only a key's name can be put back by guessing.
pub(super) fn lost<'a>(received: &'a Received, clues: &'a Clues) -> Proposals<'a> {
    let missing = |name: &&&str| received.header(name).is_none();
    let names = clues.provider.headers().iter().filter(missing).filter(|name| names_key(name));
    named(received, clues, names)
}

pub(super) fn serial<'a>(received: &'a Received, clues: &'a Clues) -> Proposals<'a> {
    let there = |name: &&&str| received.header(name).is_some();
    let names = clues.provider.headers().iter().filter(there).filter(|name| names_key(name));
    named(received, clues, names)
}

fn named<'a>(
    received: &'a Received,
    clues: &'a Clues,
    names: impl Iterator<Item = &'a &'static str> + 'a,
) -> Proposals<'a> {
    let each = names.flat_map(move |name| {
        let keys = clues.key_ids.iter();
        keys.map(move |key| Mended::with(received.with_header(name, key.as_bytes()), *name))
    });
    these(each.filter(|mended| mended.received != *received))
}

/// Does this header say which key signed?
fn names_key(name: &str) -> bool {
    ["serial", "cert", "key"].iter().any(|word| name.contains(word))
}

/// `x` of `x, x` and of `x,x`.
fn joined(value: &[u8]) -> Option<&[u8]> {
    for joint in [&b", "[..], b","] {
        let half = value.len().checked_sub(joint.len())? / 2;
        let (first, rest) = value.split_at(half);
        if rest.strip_prefix(joint) == Some(first) && !first.is_empty() {
            return Some(first);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_that_was_joined_with_itself_is_one() {
        assert_eq!(joined(b"ab=, ab="), Some(&b"ab="[..]));
        assert_eq!(joined(b"1,1"), Some(&b"1"[..]));
        for value in [&b"1,2"[..], b",", b"", b"11", b"1, 11"] {
            assert_eq!(joined(value), None);
        }
    }
}
