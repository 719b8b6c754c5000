//! What curl shows of a request: `-v` its head alone, `--trace-ascii` its letters, `--trace` its bytes.
//! Source: curl's manual page, and the line forms of its `tool_cb_dbg.c`.

use bytes::Bytes;
use shared::provider::Received;

use super::{Capture, CaptureError, Form, date, http};

/// How a trace opens each block that was sent.
const SENT_HEAD: &str = "=> Send header";
const SENT_BODY: &str = "=> Send data";
/// Letters of a hexadecimal offset: `0000: `.
const OFFSET_LETTERS: usize = 4;
/// Bytes on one line of `--trace`.
const BYTES_A_LINE: usize = 16;

/// The first lines decide: those of `-v` begin with a mark, those of a trace announce a block.
pub(super) fn looks_like(text: &[u8]) -> bool {
    let lines = text.split(|byte| *byte == b'\n').take(64);
    let marks = [&b"* "[..], b"> ", b"=> Send ", b"== Info: "];
    lines.into_iter().any(|line| {
        let line = without_time(line);
        marks.iter().any(|mark| line.starts_with(mark))
    })
}

pub(super) fn parse(text: &[u8], given: Option<Bytes>) -> Result<Capture, CaptureError> {
    let lines: Vec<&[u8]> = text.split(|byte| *byte == b'\n').collect();
    let is_trace = lines.iter().any(|line| without_time(line).starts_with(b"=> Send "));
    let (head, body) = if is_trace { traced(&lines) } else { verbose(&lines) };
    let (received, rest) = http::head(&head)?;
    let shown = [rest, &body].concat();
    let body = match given {
        Some(body) => body,
        None if shown.is_empty() && !is_trace => return Err(CaptureError::NoBody("`curl -v`")),
        None => Bytes::from(shown),
    };
    let answered = || lines.iter().filter_map(|line| answered_at(line)).next();
    let at = received.header("date").and_then(date).or_else(answered);
    Ok(Capture { form: Form::Curl, received: Received { body, ..received }, at })
}

/// `> ` before each line of the head. What stands behind the head, unmarked, somebody put there.
fn verbose(lines: &[&[u8]]) -> (Vec<u8>, Vec<u8>) {
    let (mut head, mut body, mut is_over) = (vec![], vec![], false);
    for line in lines {
        let bare = line.strip_suffix(b"\r").unwrap_or(line);
        if let Some(sent) = bare.strip_prefix(b"> ").or((bare == b">").then_some(b"")) {
            if !is_over {
                head.extend_from_slice(sent);
                head.extend_from_slice(b"\r\n");
                is_over = sent.is_empty();
            }
        } else if is_over && !is_of_curl(bare) {
            body.push(*line);
        } else if is_over && bare.starts_with(b"<") {
            break;
        }
    }
    let body = body.join(&b'\n');
    (head, body.trim_ascii_end().to_vec())
}

/// Lines that curl writes by itself: `* `, `< `, `{ [5 bytes data]`.
fn is_of_curl(line: &[u8]) -> bool {
    let marked = [&b"* "[..], b"< ", b"} [", b"{ ["].iter().any(|mark| line.starts_with(mark));
    marked || line == b"<" || line == b"*"
}

/// The blocks that were sent: lines with an offset, in bytes or in letters.
fn traced(lines: &[&[u8]]) -> (Vec<u8>, Vec<u8>) {
    let (mut head, mut body) = (vec![], vec![]);
    let mut at = 0;
    while at < lines.len() {
        let title = String::from_utf8_lossy(without_time(lines[at]));
        let (is_head, is_body) = (title.starts_with(SENT_HEAD), title.starts_with(SENT_BODY));
        at += 1;
        let begin = at;
        while lines.get(at).is_some_and(|line| offset(line).is_some()) {
            at += 1;
        }
        let stated = title.split(", ").nth(1).and_then(|text| text.split(' ').next()?.parse().ok());
        let block = block(&lines[begin..at], stated);
        if is_head {
            head.extend(block);
        } else if is_body {
            body.extend(block);
        }
    }
    (head, body)
}

/// The bytes of one block. In letters, a step of the offset by two more than there are letters was a
/// line end; what is no visible letter shows as a dot and is lost.
fn block(lines: &[&[u8]], stated: Option<usize>) -> Vec<u8> {
    let parts: Vec<_> = lines.iter().filter_map(|line| offset(line)).collect();
    let is_hex = parts.iter().all(|(_, text)| hex(text).is_some());
    let mut bytes = vec![];
    for (nth, (offset, text)) in parts.iter().enumerate() {
        if let Some(read) = hex(text).filter(|_| is_hex) {
            bytes.extend(read);
            continue;
        }
        bytes.extend_from_slice(text);
        let next = parts.get(nth + 1).map(|(next, _)| *next).or(stated);
        if next.is_some_and(|next| next == offset + text.len() + 2) {
            bytes.extend_from_slice(b"\r\n");
        }
    }
    bytes
}

/// `0040: text`: where the line begins within its block, and what it shows.
fn offset(line: &[u8]) -> Option<(usize, &[u8])> {
    let line = line.strip_suffix(b"\r").unwrap_or(line);
    let (number, rest) = line.split_at_checked(OFFSET_LETTERS)?;
    let offset = usize::from_str_radix(std::str::from_utf8(number).ok()?, 16).ok()?;
    rest.strip_prefix(b": ").map(|text| (offset, text)).or((rest == b":").then_some((offset, b"")))
}

/// `50 4f 53 54 … POST`: the bytes before the letters.
fn hex(text: &[u8]) -> Option<Vec<u8>> {
    let columns = text.get(..text.len().min(3 * BYTES_A_LINE))?;
    let mut bytes = vec![];
    for column in columns.chunks(3) {
        match column {
            [high, low, b' '] | [high, low] if high.is_ascii_hexdigit() => {
                let digits = [*high, *low];
                bytes.push(u8::from_str_radix(std::str::from_utf8(&digits).ok()?, 16).ok()?);
            }
            _ if column.iter().all(|byte| *byte == b' ') && !bytes.is_empty() => break,
            _ => return None,
        }
    }
    // Behind the bytes stand as many letters.
    let letters = text.len().checked_sub(3 * BYTES_A_LINE)?;
    (letters >= bytes.len() && !bytes.is_empty()).then_some(bytes)
}

/// `< date: Mon, 23 Nov 2026 12:00:05 GMT`, or a line of a trace that holds it.
fn answered_at(line: &[u8]) -> Option<time::OffsetDateTime> {
    let bare = line.strip_prefix(b"< ").or(offset(line).map(|(_, text)| text))?;
    let (name, value) = bare.split_at_checked(5)?;
    name.eq_ignore_ascii_case(b"date:").then(|| date(value))?
}

/// `--trace-time` writes `12:00:05.123456 ` before each title.
fn without_time(line: &[u8]) -> &[u8] {
    let is_time = |text: &[u8]| text.len() == 15 && text[2] == b':' && text[5] == b':';
    match line.split_at_checked(16) {
        Some((time, rest)) if is_time(&time[..15]) => rest,
        Some(_) | None => line,
    }
}
