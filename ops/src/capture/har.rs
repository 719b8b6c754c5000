//! A HAR file, as browsers and proxies export it. Source: HAR 1.2, `postData`.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use bytes::Bytes;
use serde::Deserialize;
use shared::provider::Received;
use shared::units::recordable;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use super::{Capture, CaptureError, Fidelity, Form, HEADERS_MAX, date, query};

#[derive(Deserialize)]
struct Har {
    log: Log,
}

#[derive(Deserialize)]
struct Log {
    #[serde(default)]
    entries: Vec<Entry>,
}

#[derive(Deserialize)]
struct Entry {
    #[serde(default, rename = "startedDateTime")]
    started: String,
    request: Request,
    #[serde(default)]
    response: Response,
}

#[derive(Deserialize)]
struct Request {
    #[serde(default)]
    url: String,
    #[serde(default)]
    headers: Vec<Pair>,
    #[serde(rename = "postData")]
    post_data: Option<PostData>,
}

#[derive(Default, Deserialize)]
struct Response {
    #[serde(default)]
    headers: Vec<Pair>,
}

#[derive(Deserialize)]
struct PostData {
    text: Option<String>,
    /// Not of the standard; proxies write `base64` for what is no UTF-8.
    #[serde(default)]
    encoding: String,
    #[serde(default)]
    params: Vec<Pair>,
}

#[derive(Deserialize)]
struct Pair {
    name: String,
    #[serde(default)]
    value: String,
}

pub(super) fn parse(
    text: &[u8],
    entry: usize,
    given: Option<Bytes>,
) -> Result<Capture, CaptureError> {
    let har: Har =
        serde_json::from_slice(text).map_err(|error| CaptureError::Har(error.to_string()))?;
    let entries = har.log.entries;
    let count = entries.len();
    let chosen = entry.checked_sub(1).and_then(|at| entries.into_iter().nth(at));
    let entry = chosen.ok_or(CaptureError::Entry(count))?;
    let body = match given {
        Some(body) => body,
        None => body(entry.request.post_data)?,
    };
    // Names that begin with a colon are HTTP/2's own.
    let headers = entry.request.headers.into_iter().filter(|pair| !pair.name.starts_with(':'));
    let headers = headers.take(HEADERS_MAX).map(|pair| (pair.name, pair.value.into_bytes()));
    let received = Received { query: query(&entry.request.url), headers: headers.collect(), body };
    let answered = entry.response.headers.iter();
    let answered = answered.filter(|pair| pair.name.eq_ignore_ascii_case("date"));
    let at = received.header("date").and_then(date);
    let at = at.or_else(|| OffsetDateTime::parse(&entry.started, &Rfc3339).ok());
    let at = at.or_else(|| answered.filter_map(|pair| date(pair.value.as_bytes())).next());
    let at = at.and_then(recordable);
    Ok(Capture { form: Form::Har, received, at, fidelity: Fidelity::Exact })
}

fn body(data: Option<PostData>) -> Result<Bytes, CaptureError> {
    let Some(data) = data else { return Err(CaptureError::NoBody("the HAR entry")) };
    match data.text {
        Some(text) if data.encoding.eq_ignore_ascii_case("base64") => BASE64
            .decode(text.trim())
            .map(Bytes::from)
            .map_err(|_| CaptureError::Har("the body's base64 is broken".to_owned())),
        Some(text) if !text.is_empty() || data.params.is_empty() => Ok(Bytes::from(text)),
        Some(_) | None => Ok(Bytes::from(form(&data.params))),
    }
}

/// The body that these pairs came from, as browsers escape it. Source: URL Standard §5.2.
fn form(pairs: &[Pair]) -> String {
    let mut body = String::new();
    for pair in pairs {
        if !body.is_empty() {
            body.push('&');
        }
        escape(&pair.name, &mut body);
        body.push('=');
        escape(&pair.value, &mut body);
    }
    body
}

fn escape(text: &str, out: &mut String) {
    for byte in text.bytes() {
        match byte {
            b'*' | b'-' | b'.' | b'_' | b'0'..=b'9' | b'A'..=b'Z' | b'a'..=b'z' => {
                out.push(char::from(byte));
            }
            b' ' => out.push('+'),
            _ => out.push_str(&format!("%{byte:02X}")),
        }
    }
}
