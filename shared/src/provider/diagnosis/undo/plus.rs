//! Plus signs that became blanks: which of the blanks were plus signs is tried out.

use super::super::super::Received;
use super::form::{Pairs, SIGNATURES, is_time};
use super::{Clues, Mended, Proposals, these};

/// Blanks of which every choice is tried: 2^8 of them.
const BLANKS_MAX: usize = 8;
/// How the lines around base64 begin. Source: RFC 7468 §2.
const ARMOUR: &[u8] = b"-----";

pub(super) fn lost<'a>(received: &'a Received, clues: &'a Clues) -> Proposals<'a> {
    let in_headers = in_headers(received, clues);
    let Some(pairs) = Pairs::decoded(&received.body) else { return in_headers };
    // Base64 has no blanks, so there every blank was a plus sign.
    let is_signature = |key: &str| SIGNATURES.contains(&key);
    let signed = pairs.map(|key, value| match value {
        _ if is_signature(key) => with_plus(value),
        _ if is_armoured(value) => armour_with_plus(value),
        _ => value.to_vec(),
    });
    let is_fixed = |value: &[u8]| is_time(value) || is_armoured(value);
    let all =
        signed.map(|_, value| if is_fixed(value) { value.to_vec() } else { with_plus(value) });
    let blanks = blanks(&signed);
    let count = if blanks.len() <= BLANKS_MAX { blanks.len() } else { 0 };
    let some = choices(count).into_iter().map({
        let signed = signed.clone();
        move |choice| {
            let mut other = signed.clone();
            for (number, (pair, at)) in blanks.iter().enumerate() {
                if choice >> number & 1 == 1 {
                    other.0[*pair].1[*at] = b'+';
                }
            }
            other
        }
    });
    let others = [signed, all].into_iter().chain(some).filter(move |other| *other != pairs);
    these(in_headers.chain(others.map(|other| Mended::new(received.with_body(other.encode())))))
}

/// A signature in a header, too, may have been decoded as if it were a form's.
fn in_headers<'a>(received: &'a Received, clues: &'a Clues) -> Proposals<'a> {
    let names = clues.provider.headers().iter();
    let blank = names.filter_map(move |name| {
        let value = received.header(name).filter(|value| value.trim_ascii().contains(&b' '))?;
        let mended = received.with_header(name, &with_plus(value.trim_ascii()));
        Some(Mended::with(mended, format!("header {name}")))
    });
    these(blank)
}

fn with_plus(value: &[u8]) -> Vec<u8> {
    value.iter().map(|byte| if *byte == b' ' { b'+' } else { *byte }).collect()
}

/// A certificate, as UnionPay sends it along.
fn is_armoured(value: &[u8]) -> bool {
    value.starts_with(ARMOUR)
}

/// The lines between the armour are base64.
fn armour_with_plus(value: &[u8]) -> Vec<u8> {
    let line = |line: &[u8]| if line.starts_with(ARMOUR) { line.to_vec() } else { with_plus(line) };
    value.split(|byte| *byte == b'\n').map(line).collect::<Vec<_>>().join(&b'\n')
}

/// Where blanks stand, but for those within times and certificates.
fn blanks(pairs: &Pairs) -> Vec<(usize, usize)> {
    let texts =
        pairs.0.iter().enumerate().filter(|(_, (_, value))| !is_time(value) && !is_armoured(value));
    let places = texts.flat_map(|(pair, (_, value))| {
        let blanks = value.iter().enumerate().filter(|(_, byte)| **byte == b' ');
        blanks.map(move |(at, _)| (pair, at))
    });
    places.take(BLANKS_MAX + 1).collect()
}

/// Every choice among so many, those of few first.
fn choices(count: usize) -> Vec<u32> {
    let mut choices: Vec<u32> = (1..1 << count).collect();
    choices.sort_by_key(|choice| choice.count_ones());
    choices
}
