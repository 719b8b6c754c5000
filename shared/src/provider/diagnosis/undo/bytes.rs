//! Bytes at the edge of the body, and line ends within.

use super::super::super::Received;
use super::{Clues, Mended, Proposals, everywhere, these};

const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";

pub(super) fn mark<'a>(received: &'a Received, _: &'a Clues) -> Proposals<'a> {
    let body = received.body.strip_prefix(BYTE_ORDER_MARK);
    these(body.map(|body| Mended::new(received.with_body(body.to_vec()))))
}

/// Line ends and blanks that came or went at the edge.
pub(super) fn edge<'a>(received: &'a Received, _: &'a Clues) -> Proposals<'a> {
    let body = &received.body[..];
    let with = |end: &[u8]| [body, end].concat();
    let bodies = [
        body.trim_ascii_end().to_vec(),
        body.trim_ascii().to_vec(),
        with(b"\n"),
        with(b"\r\n"),
        [body.trim_ascii_end(), b"\n"].concat(),
        [body.trim_ascii_end(), b"\r\n"].concat(),
    ];
    let changed = bodies.into_iter().filter(move |other| other != body);
    these(changed.map(|other| Mended::new(received.with_body(other))))
}

pub(super) fn line_ends<'a>(received: &'a Received, _: &'a Clues) -> Proposals<'a> {
    let mut found = everywhere(received, |text| Some(to_lf(text)));
    found.extend(everywhere(received, |text| Some(to_crlf(text))));
    these(found)
}

fn to_lf(text: &[u8]) -> Vec<u8> {
    let ends = |at: usize| text[at] == b'\r' && text.get(at + 1) == Some(&b'\n');
    (0..text.len()).filter(|at| !ends(*at)).map(|at| text[at]).collect()
}

fn to_crlf(text: &[u8]) -> Vec<u8> {
    to_lf(text).split(|byte| *byte == b'\n').collect::<Vec<_>>().join(&b"\r\n"[..])
}
