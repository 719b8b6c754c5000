//! Values that had percent escapes of their own, such as the shop's passback parameters, and lost them
//! when a form's values were decoded once too often.

use super::super::super::Received;
use super::super::super::form::encode;
use super::form::{Pairs, SIGNATURES, is_time};
use super::{Clues, Mended, Proposals, none, these};

/// Values that are tried: few texts of a notification are worded by the shop.
const VALUES_MAX: usize = 8;
/// Plus signs in one value of which every choice is tried.
const SIGNS_MAX: u32 = 4;

/// A value's place, and what it may have been.
type Options = (usize, Vec<Vec<u8>>);

/// One value, or two, with their escapes put back.
pub(super) fn decoded<'a>(received: &'a Received, _: &'a Clues) -> Proposals<'a> {
    let Some(pairs) = Pairs::decoded(&received.body) else { return none() };
    let places = pairs.0.iter().enumerate().filter_map(options);
    let places: Vec<Options> = places.take(VALUES_MAX).collect();
    let ones = places.clone().into_iter();
    let ones = ones.flat_map(|(at, values)| values.into_iter().map(move |value| vec![(at, value)]));
    let twos = (0..places.len()).flat_map(move |nth| {
        let rest = places[nth + 1..].to_vec();
        let first = places[nth].clone();
        rest.into_iter().flat_map(move |second| both(&first, &second))
    });
    these(ones.chain(twos).map(move |changes| {
        let mut other = pairs.clone();
        for (at, value) in changes {
            other.0[at].1 = value;
        }
        Mended::new(received.with_body(other.encode()))
    }))
}

fn both((first, ones): &Options, (second, others): &Options) -> Vec<Vec<(usize, Vec<u8>)>> {
    let pair =
        |one: &Vec<u8>, other: &Vec<u8>| vec![(*first, one.clone()), (*second, other.clone())];
    ones.iter().flat_map(|one| others.iter().map(move |other| pair(one, other))).collect()
}

/// Nothing for what has no letter that is ever escaped, and for what no shop words.
fn options((at, (key, value)): (usize, &(String, Vec<u8>))) -> Option<Options> {
    if SIGNATURES.contains(&key.as_str()) || is_time(value) || value.starts_with(b"[") {
        return None;
    }
    let mut options = vec![component(value), form_component(value)];
    options.extend(with_signs(value));
    options.retain(|option| option != value);
    options.dedup();
    (!options.is_empty()).then_some((at, options))
}

/// Some of the plus signs as `%2B`.
fn with_signs(value: &[u8]) -> Vec<Vec<u8>> {
    let signs: Vec<_> = (0..value.len()).filter(|at| value[*at] == b'+').collect();
    let count = u32::try_from(signs.len()).unwrap_or(u32::MAX);
    let choices = if count <= SIGNS_MAX { 1_u32 << count } else { 0 };
    let escape = |choice: u32| {
        let mut sign = 0;
        let escape = |byte: &u8| {
            let is_sign = *byte == b'+';
            let is_chosen = is_sign && choice >> sign & 1 == 1;
            sign += u32::from(is_sign);
            if is_chosen { b"%2B".to_vec() } else { vec![*byte] }
        };
        value.iter().flat_map(escape).collect()
    };
    (1..choices).map(escape).collect()
}

/// As forms write it: a blank is `+`.
fn form_component(value: &[u8]) -> Vec<u8> {
    encode([("", value)]).into_bytes().split_off(1)
}

/// As addresses write it: a blank is `%20`.
fn component(value: &[u8]) -> Vec<u8> {
    let escape = |byte: u8| if byte == b'+' { b"%20".to_vec() } else { vec![byte] };
    form_component(value).into_iter().flat_map(escape).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_way_to_escape_a_value_is_an_option() {
        let pair = ("subject".to_owned(), b"a b+c".to_vec());
        let (at, options) = options((3, &pair)).unwrap();
        assert_eq!(
            (at, options),
            (3, vec![b"a%20b%2Bc".to_vec(), b"a+b%2Bc".to_vec(), b"a b%2Bc".to_vec()])
        );
        for value in [&b"plain-1.50"[..], b"2026-11-23 12:00:05", b"[{}]"] {
            assert!(super::options((0, &("x".to_owned(), value.to_vec()))).is_none());
        }
    }
}
