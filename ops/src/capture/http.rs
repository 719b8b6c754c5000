//! Raw HTTP/1.1, as a proxy logs it or `nc -l` shows it. Source: RFC 9112.

use bytes::Bytes;
use httparse::{EMPTY_HEADER, Status, parse_chunk_size};
use shared::provider::Received;

use super::{BODY_MAX_BYTES, Capture, CaptureError, Fidelity, Form, HEADERS_MAX, date, query};

pub(super) fn parse(text: &[u8], given: Option<Bytes>) -> Result<Capture, CaptureError> {
    let (received, rest) = head(text)?;
    let body = match given {
        Some(body) => body,
        None => body(&received, rest)?,
    };
    let at = received.header("date").and_then(date);
    let received = Received { body, ..received };
    Ok(Capture { form: Form::Http, received, at, fidelity: Fidelity::Exact })
}

/// A request's line and headers, and what follows them. An end of the text ends the headers, too.
pub(super) fn head(text: &[u8]) -> Result<(Received, &[u8]), CaptureError> {
    let mut storage = [EMPTY_HEADER; HEADERS_MAX];
    let mut request = httparse::Request::new(&mut storage);
    let ended = [text, b"\r\n\r\n"].concat();
    let length = match request.parse(&ended) {
        Ok(Status::Complete(length)) => length,
        Ok(Status::Partial) => return Err(CaptureError::Unknown),
        Err(_) if !has_request_line(text) => return Err(CaptureError::Unknown),
        Err(error) => return Err(CaptureError::Head(error.to_string())),
    };
    let headers = request.headers.iter().map(|one| (one.name.to_owned(), one.value.to_vec()));
    let received = Received {
        query: request.path.and_then(query),
        headers: headers.collect(),
        body: Bytes::new(),
    };
    Ok((received, text.get(length..).unwrap_or_default()))
}

/// As its length or its chunks say. An editor's line end behind a stated length is none of it.
fn body(received: &Received, rest: &[u8]) -> Result<Bytes, CaptureError> {
    let coding = received.header("transfer-encoding").unwrap_or_default().to_ascii_lowercase();
    if coding.ends_with(b"chunked") {
        return joined(rest).map(Bytes::from);
    }
    let length = received.header("content-length").and_then(|text| std::str::from_utf8(text).ok());
    let length = length.and_then(|text| text.trim().parse::<usize>().ok());
    let body = match length.and_then(|length| rest.split_at_checked(length)) {
        Some((body, b"\n" | b"\r\n")) => body,
        Some(_) | None => rest,
    };
    Ok(Bytes::copy_from_slice(body))
}

/// The chunks' bytes, one after the other. Source: RFC 9112 §7.1.
fn joined(mut rest: &[u8]) -> Result<Vec<u8>, CaptureError> {
    let mut body = vec![];
    loop {
        let Ok(Status::Complete((begin, size))) = parse_chunk_size(rest) else {
            return Err(CaptureError::Chunks);
        };
        let size = usize::try_from(size).map_err(|_| CaptureError::TooLarge)?;
        if size == 0 {
            return Ok(body);
        }
        if body.len() + size.min(BODY_MAX_BYTES + 1) > BODY_MAX_BYTES {
            return Err(CaptureError::TooLarge);
        }
        let (chunk, after) = rest[begin..].split_at_checked(size).ok_or(CaptureError::Chunks)?;
        body.extend_from_slice(chunk);
        rest = after.strip_prefix(b"\r\n").or(after.strip_prefix(b"\n")).unwrap_or(after);
    }
}

fn has_request_line(text: &[u8]) -> bool {
    let line = text.split(|byte| *byte == b'\n').next().unwrap_or_default();
    line.trim_ascii_end().windows(7).any(|window| window == b" HTTP/1")
}
