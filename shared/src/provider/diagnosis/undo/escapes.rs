//! Characters that a filter replaced: HTML entities and backslashes.

use super::super::super::Received;
use super::{Clues, Proposals, everywhere, these};

/// What filters write for the characters that HTML gives a meaning.
const ENTITIES: &[(&[u8], u8)] = &[
    (b"&quot;", b'"'),
    (b"&#34;", b'"'),
    (b"&#034;", b'"'),
    (b"&#x22;", b'"'),
    (b"&#39;", b'\''),
    (b"&#039;", b'\''),
    (b"&#x27;", b'\''),
    (b"&apos;", b'\''),
    (b"&amp;", b'&'),
    (b"&#38;", b'&'),
    (b"&lt;", b'<'),
    (b"&#60;", b'<'),
    (b"&gt;", b'>'),
    (b"&#62;", b'>'),
    (b"&#x2F;", b'/'),
    (b"&#x2f;", b'/'),
    (b"&#47;", b'/'),
];

/// Once, or twice where two filters ran.
pub(super) fn entities<'a>(received: &'a Received, _: &'a Clues) -> Proposals<'a> {
    let mut found = everywhere(received, |text| Some(without_entities(text)));
    found.extend(everywhere(received, |text| Some(without_entities(&without_entities(text)))));
    these(found)
}

/// As PHP's `addslashes` writes them.
pub(super) fn slashes<'a>(received: &'a Received, _: &'a Clues) -> Proposals<'a> {
    these(everywhere(received, |text| Some(without_slashes(text))))
}

fn without_entities(text: &[u8]) -> Vec<u8> {
    let (mut out, mut rest) = (Vec::with_capacity(text.len()), text);
    while let Some(at) = rest.iter().position(|byte| *byte == b'&') {
        out.extend_from_slice(&rest[..at]);
        rest = &rest[at..];
        let entity = ENTITIES.iter().find(|(entity, _)| rest.starts_with(entity));
        let (length, byte) = entity.map_or((1, b'&'), |(entity, byte)| (entity.len(), *byte));
        out.push(byte);
        rest = &rest[length..];
    }
    out.extend_from_slice(rest);
    out
}

fn without_slashes(text: &[u8]) -> Vec<u8> {
    let (mut out, mut rest) = (Vec::with_capacity(text.len()), text);
    while let Some((first, after)) = rest.split_first() {
        rest = after;
        match (first, after.split_first()) {
            (b'\\', Some((escaped @ (b'"' | b'\'' | b'\\'), after))) => {
                out.push(*escaped);
                rest = after;
            }
            (byte, _) => out.push(*byte),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_layer_is_taken_off_by_itself() {
        assert_eq!(without_entities(b"a&amp;quot;b&quot;&x&"), b"a&quot;b\"&x&");
        assert_eq!(without_slashes(br#"[{\"a\":\"\\\\n\"}]\"#), br#"[{"a":"\\n"}]\"#);
    }
}
