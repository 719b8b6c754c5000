//! Parameters that were added to the body: those of the address, or any one or two of them.

use std::ops::Range;

use super::super::super::Received;
use super::form::{Pairs, SIGNATURES};
use super::{Clues, Mended, Proposals, these};

/// Members of a JSON object that are tried, one by one.
const MEMBERS_MAX: usize = 64;

pub(super) fn parameters<'a>(received: &'a Received, _: &'a Clues) -> Proposals<'a> {
    match Pairs::decoded(&received.body) {
        Some(pairs) => of_form(received, pairs),
        None => these(of_json(received).chain(of_xml(received))),
    }
}

fn of_form(received: &Received, pairs: Pairs) -> Proposals<'_> {
    let query = received.query.as_deref().unwrap_or_default();
    let routed = Pairs::decoded(query.as_bytes()).map_or(vec![], |Pairs(pairs)| pairs);
    let key = |at: &usize| pairs.0[*at].0.as_str();
    let is_routed = |at: &usize| routed.iter().any(|(name, _)| *name == key(at));
    let from_query: Vec<_> = (0..pairs.0.len()).filter(is_routed).collect();
    // What was added stands at the end more often than not.
    let is_signature = |at: &usize| SIGNATURES.contains(&key(at));
    let places: Vec<_> = (0..pairs.0.len()).rev().filter(|at| !is_signature(at)).collect();
    let ones = places.clone().into_iter().map(|at| vec![at]);
    let twos = (0..places.len()).flat_map(move |nth| {
        let (first, rest) = (places[nth], places[nth + 1..].to_vec());
        rest.into_iter().map(move |second| vec![second, first])
    });
    let gone = [from_query].into_iter().chain(ones).chain(twos).filter(|gone| !gone.is_empty());
    these(gone.map(move |gone| {
        let kept = pairs.0.iter().enumerate().filter(|(at, _)| !gone.contains(at));
        let body = Pairs(kept.map(|(_, pair)| pair.clone()).collect()).encode();
        let names = gone.iter().map(|at| pairs.0[*at].0.as_str());
        Mended::naming(received.with_body(body), names)
    }))
}

/// Each member of the outermost object, cut out with its comma; the rest stays to the byte.
fn of_json(received: &Received) -> impl Iterator<Item = Mended> {
    let body = received.body.clone();
    let members = members(&body);
    let places = if members.len() > 1 { 0..members.len() } else { 0..0 };
    let cut = move |at: usize| {
        let (begin, end) = match at.checked_sub(1) {
            Some(before) => (members[before].comma, members[at].end),
            None => (members[0].begin, members[1].begin),
        };
        [&body[..begin], &body[end..]].concat()
    };
    places.rev().map(move |at| Mended::new(received.with_body(cut(at))))
}

/// Where a member stands, without the blanks around it.
struct Member {
    begin: usize,
    end: usize,
    /// The comma behind it, or what closes the object.
    comma: usize,
}

/// The members of the outermost object.
fn members(body: &[u8]) -> Vec<Member> {
    let mut members = vec![];
    if body.first() != Some(&b'{') {
        return members;
    }
    let (mut depth, mut in_text, mut escaped) = (0_usize, false, false);
    let (mut begin, mut end) = (None, 0);
    for (at, byte) in body.iter().enumerate() {
        let (is_within, ends) = (depth > 0, depth == 1 && !in_text);
        match byte {
            b'"' if !escaped => in_text = !in_text,
            b'{' | b'[' if !in_text => depth += 1,
            b'}' | b']' if !in_text => depth = depth.saturating_sub(1),
            _ => (),
        }
        escaped = in_text && *byte == b'\\' && !escaped;
        if ends && matches!(byte, b',' | b'}') {
            members.extend(begin.take().map(|begin| Member { begin, end, comma: at }));
        } else if is_within && !byte.is_ascii_whitespace() {
            begin = begin.or(Some(at));
            end = at + 1;
        }
        if members.len() > MEMBERS_MAX {
            break;
        }
    }
    members
}

/// Each element `<name>…</name>` within the root, for what is one level deep.
fn of_xml(received: &Received) -> impl Iterator<Item = Mended> {
    let text = std::str::from_utf8(&received.body).unwrap_or_default();
    let root = text.find('<').and_then(|at| text[at..].find('>').map(|end| at + end + 1));
    let mut elements: Vec<(Range<usize>, &str)> = vec![];
    let mut at = root.filter(|_| text.starts_with('<')).unwrap_or(text.len());
    while let Some(open) = text[at..].find('<').map(|open| at + open) {
        let Some(name) = text[open + 1..].split('>').next() else { break };
        let close = format!("</{name}>");
        let Some(end) = text[open..].find(&close).map(|end| open + end + close.len()) else {
            break;
        };
        elements.push((open..end, name));
        at = end;
        if elements.len() > MEMBERS_MAX {
            break;
        }
    }
    elements.into_iter().rev().map(move |(range, name)| {
        let body = format!("{}{}", &text[..range.start], &text[range.end..]);
        Mended::naming(received.with_body(body), [name])
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bodies(mended: impl Iterator<Item = Mended>) -> Vec<String> {
        let body = |one: Mended| String::from_utf8(one.received.body.to_vec()).unwrap();
        mended.map(body).collect()
    }

    fn received(body: &'static str) -> Received {
        Received { body: body.into(), ..Received::default() }
    }

    #[test]
    fn one_member_goes_and_the_rest_stays_to_the_byte() {
        let received = received("{\"a\": [1, {\"b\":\"},\\\"\"}],  \"c\":2 ,\"d\":{}}\n");
        let expected = [
            "{\"a\": [1, {\"b\":\"},\\\"\"}],  \"c\":2 }\n",
            "{\"a\": [1, {\"b\":\"},\\\"\"}] ,\"d\":{}}\n",
            "{\"c\":2 ,\"d\":{}}\n",
        ];
        assert_eq!(bodies(of_json(&received)), expected);
    }

    #[test]
    fn one_element_goes_whatever_it_holds() {
        let received = received("<xml><a>1</a>\n<b><![CDATA[x]]></b></xml>");
        let expected = ["<xml><a>1</a>\n</xml>", "<xml>\n<b><![CDATA[x]]></b></xml>"];
        assert_eq!(bodies(of_xml(&received)), expected);
    }

    #[test]
    fn what_is_neither_has_nothing_to_take_out() {
        for body in ["", "{", "{}", "[1]", "{\"a\":1}", "<", "<xml>", "<xml><a></xml>", "x"] {
            let received = received(body);
            assert_eq!(bodies(of_json(&received).chain(of_xml(&received))), [""; 0], "{body}");
        }
    }
}
