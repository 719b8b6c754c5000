//! Captured requests: raw HTTP, a HAR file, or what curl showed of one.
//!
//! **Invariant**: the body comes out to the byte, or whoever asks is told; every length has a limit.

use bytes::Bytes;
use shared::provider::Received;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc2822;

pub mod curl;
pub mod har;
pub mod http;

/// A HAR file holds a page's answers, too.
pub const FILE_MAX_BYTES: u64 = 32 << 20;
/// The largest body that a configuration lets in is 16 MiB; no provider sends as much as 1 MiB.
pub const BODY_MAX_BYTES: usize = 1 << 20;
/// Headers of one request.
pub const HEADERS_MAX: usize = 128;

/// One captured request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Capture {
    pub form: Form,
    pub received: Received,
    /// When it was captured, where the capture says so.
    pub at: Option<OffsetDateTime>,
    pub fidelity: Fidelity,
}

/// Does a capture show every byte?
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fidelity {
    Exact,
    /// What is no visible letter of ASCII shows as a dot.
    LettersLost,
}

/// What kind of capture it was.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    Http,
    Har,
    Curl,
}

/// Why a file is no capture of a request.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CaptureError {
    #[error("the file is empty")]
    Empty,
    #[error(
        "not a captured request: expected raw HTTP (`POST /notify/… HTTP/1.1`, headers, an empty line, \
         the body), a HAR file, or the output of `curl -v`, `--trace` or `--trace-ascii`"
    )]
    Unknown,
    #[error("the request's head cannot be read: {0}")]
    Head(String),
    #[error("the HAR file cannot be read: {0}")]
    Har(String),
    #[error("the HAR file has {0} entries: choose one with --entry, counted from 1")]
    Entry(usize),
    #[error("{0} shows no body: capture it with `curl --trace FILE`, or give it with --body FILE")]
    NoBody(&'static str),
    #[error("the body is larger than {BODY_MAX_BYTES} bytes")]
    TooLarge,
    #[error("the body is in chunks that cannot be read")]
    Chunks,
}

/// Reads a capture, whatever its kind. `entry` counts the requests of a HAR file from 1; `body`, where
/// given, stands for the captured one.
pub fn parse(file: &[u8], entry: usize, body: Option<Bytes>) -> Result<Capture, CaptureError> {
    let text = file.strip_prefix(b"\xef\xbb\xbf").unwrap_or(file);
    let begin = text.trim_ascii_start();
    let capture = match begin.first() {
        None => return Err(CaptureError::Empty),
        Some(b'{') => har::parse(begin, entry, body)?,
        Some(_) if curl::looks_like(begin) => curl::parse(begin, body)?,
        Some(_) => http::parse(begin, body)?,
    };
    match capture.received.body.len() {
        length if length > BODY_MAX_BYTES => Err(CaptureError::TooLarge),
        _ => Ok(capture),
    }
}

impl Form {
    /// The word in output.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Http => "http",
            Self::Har => "har",
            Self::Curl => "curl",
        }
    }
}

/// What a header `Date` says. Source: RFC 9110 §5.6.7, its preferred form.
fn date(value: &[u8]) -> Option<OffsetDateTime> {
    let text = std::str::from_utf8(value).ok()?.trim();
    OffsetDateTime::parse(&text.replace("GMT", "+0000"), &Rfc2822).ok()
}

/// What stands behind `?` of a path or an address.
fn query(target: &str) -> Option<String> {
    let before_fragment = target.split('#').next().unwrap_or_default();
    before_fragment.split_once('?').map(|(_, query)| query.to_owned())
}

#[cfg(test)]
mod tests;
