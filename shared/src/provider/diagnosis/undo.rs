//! The known corruptions, each with its inverse. An inverse proposes what may have been sent; only
//! verifying a proposal makes it more than a guess.

use super::super::{Provider, Received};
use super::cause::Cause;

mod bytes;
mod charset;
mod escapes;
mod form;
mod headers;
mod json;
mod merged;
mod plus;
mod values;

/// Letters of a parameter's or a header's name that are told.
const NAME_MAX_BYTES: usize = 64;

/// What may have been sent, before the corruption.
pub(super) struct Mended {
    pub(super) received: Received,
    /// Which header, parameter or style: names, never values.
    pub(super) detail: Option<String>,
}

/// What an inverse may draw on beside the request.
pub(super) struct Clues {
    pub(super) provider: Provider,
    /// Names of the account's keys.
    pub(super) key_ids: Vec<String>,
}

/// Made one after the other, so that whoever has enough of them stops their making.
pub(super) type Proposals<'a> = Box<dyn Iterator<Item = Mended> + 'a>;

type Undo = for<'a> fn(&'a Received, &'a Clues) -> Proposals<'a>;

/// In the order in which they are tried: what is cheap and specific first.
pub(super) const TABLE: &[(Cause, Undo)] = &[
    (Cause::ContentEncoding, headers::encoding),
    (Cause::ContentType, headers::content_type),
    (Cause::HeaderRepeated, headers::repeated),
    (Cause::HeaderRenamed, headers::renamed),
    (Cause::HeaderLost, headers::lost),
    (Cause::WrongSerial, headers::serial),
    (Cause::ByteOrderMark, bytes::mark),
    (Cause::TrailingNewline, bytes::edge),
    (Cause::LineEndings, bytes::line_ends),
    (Cause::ParametersInQuery, form::in_query),
    (Cause::HtmlEscaped, escapes::entities),
    (Cause::SlashesAdded, escapes::slashes),
    (Cause::WrongCharset, charset::converted),
    (Cause::DecodedTwice, form::decoded_twice),
    (Cause::EncodedTwice, form::encoded_twice),
    (Cause::PlusLost, plus::lost),
    (Cause::DecodedTwice, values::decoded),
    (Cause::ParametersMerged, merged::parameters),
    (Cause::JsonReserialised, json::reserialised),
];

impl Mended {
    fn new(received: Received) -> Self {
        Self { received, detail: None }
    }

    fn with(received: Received, detail: impl Into<String>) -> Self {
        Self { received, detail: Some(detail.into()) }
    }

    /// With names that stood in the request. What looks like no name may be a piece of a value.
    fn naming<'a>(received: Received, names: impl IntoIterator<Item = &'a str>) -> Self {
        let letter = |byte: u8| byte.is_ascii_alphanumeric() || b"_-.".contains(&byte);
        let is_name = |name: &str| name.len() <= NAME_MAX_BYTES && name.bytes().all(letter);
        let names = names.into_iter().map(|name| if is_name(name) { name } else { "(no name)" });
        Self::with(received, names.collect::<Vec<_>>().join(", "))
    }
}

fn these<'a>(mended: impl IntoIterator<Item = Mended, IntoIter: 'a>) -> Proposals<'a> {
    Box::new(mended.into_iter())
}

fn none<'a>() -> Proposals<'a> {
    Box::new(std::iter::empty())
}

/// Applies a change of text where text stands: to the whole body, and to each value of a form.
fn everywhere(received: &Received, change: impl Fn(&[u8]) -> Option<Vec<u8>>) -> Vec<Mended> {
    let mut found = vec![];
    let body = change(&received.body).filter(|body| **body != *received.body);
    found.extend(body.map(|body| Mended::new(received.with_body(body))));
    if let Some(pairs) = form::Pairs::decoded(&received.body) {
        let changed = pairs.map(|_, value| change(value).unwrap_or_else(|| value.to_vec()));
        if changed != pairs {
            found.push(Mended::new(received.with_body(changed.encode())));
        }
    }
    found
}
