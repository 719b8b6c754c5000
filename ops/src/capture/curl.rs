//! What curl shows of a request: `-v` its head alone, `--trace-ascii` its letters, `--trace` its bytes.
//! Source: curl's manual page, and the line forms of its `tool_cb_dbg.c`.

use bytes::Bytes;
use shared::provider::Received;
use time::OffsetDateTime;

use super::{Capture, CaptureError, Fidelity, Form, date, http};

/// Letters of a hexadecimal offset: `0000: `; more where a body is larger than 64 KiB.
const OFFSET_LETTERS: std::ops::RangeInclusive<usize> = 4..=8;
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

/// What was sent, and the head of the answer.
#[derive(Default)]
struct Shown {
    head: Vec<u8>,
    body: Vec<u8>,
    answer: Vec<u8>,
}

pub(super) fn parse(text: &[u8], given: Option<Bytes>) -> Result<Capture, CaptureError> {
    let lines: Vec<&[u8]> = text.split(|byte| *byte == b'\n').collect();
    let is_trace = lines.iter().any(|line| without_time(line).starts_with(b"=> Send "));
    let Shown { head, body, answer } = if is_trace { traced(&lines) } else { verbose(&lines) };
    let (received, rest) = http::head(&head)?;
    let shown = [rest, &body].concat();
    let shows_letters = is_trace && given.is_none() && !is_hex(&lines);
    let fidelity = if shows_letters { Fidelity::LettersLost } else { Fidelity::Exact };
    let body = match given {
        Some(body) => body,
        None if shown.is_empty() && !is_trace => return Err(CaptureError::NoBody("`curl -v`")),
        None => Bytes::from(shown),
    };
    let answered = || answer.split(|byte| *byte == b'\n').filter_map(answered_at).next();
    let at = received.header("date").and_then(date).or_else(answered);
    let received = Received { body, ..received };
    Ok(Capture { form: Form::Curl, received, at, fidelity })
}

/// `> ` before each line of the head. What stands behind the head, unmarked, somebody put there.
fn verbose(lines: &[&[u8]]) -> Shown {
    let (mut shown, mut body, mut is_over) = (Shown::default(), vec![], false);
    for line in lines {
        let bare = line.strip_suffix(b"\r").unwrap_or(line);
        if let Some(answer) = bare.strip_prefix(b"< ") {
            shown.answer.extend([answer, b"\n"].concat());
        } else if let Some(sent) = bare.strip_prefix(b"> ").or((bare == b">").then_some(b"")) {
            // A second request on the same connection is not looked at.
            if !is_over {
                shown.head.extend([sent, b"\r\n"].concat());
                is_over = sent.is_empty();
            }
        } else if is_over && shown.answer.is_empty() && !is_of_curl(bare) {
            body.push(*line);
        }
    }
    shown.body = body.join(&b'\n').trim_ascii_end().to_vec();
    shown
}

/// Lines that curl writes by itself: `* `, `< `, `{ [5 bytes data]`.
fn is_of_curl(line: &[u8]) -> bool {
    let marked = [&b"* "[..], b"< ", b"} [", b"{ ["].iter().any(|mark| line.starts_with(mark));
    marked || line == b"<" || line == b"*"
}

/// Blocks: lines with an offset below a title, in bytes or in letters.
fn traced(lines: &[&[u8]]) -> Shown {
    let mut shown = Shown::default();
    let mut at = 0;
    while at < lines.len() {
        let title = String::from_utf8_lossy(without_time(lines[at]));
        at += 1;
        let begin = at;
        while lines.get(at).is_some_and(|line| offset(line).is_some()) {
            at += 1;
        }
        let stated = title.split(", ").nth(1).and_then(|text| text.split(' ').next()?.parse().ok());
        let block = block(&lines[begin..at], stated);
        match title.split(", ").next() {
            Some("=> Send header") => shown.head.extend(block),
            Some("=> Send data") => shown.body.extend(block),
            Some("<= Recv header") => shown.answer.extend(block),
            Some(_) | None => (),
        }
    }
    shown
}

/// `--trace` shows the bytes beside the letters.
fn is_hex(lines: &[&[u8]]) -> bool {
    lines.iter().filter_map(|line| offset(line)).all(|(_, text)| hex(text).is_some())
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
    let letters = line.iter().position(|byte| *byte == b':')?;
    let (number, rest) = line.split_at(letters);
    let is_number = OFFSET_LETTERS.contains(&letters) && number.iter().all(u8::is_ascii_hexdigit);
    let number = std::str::from_utf8(number).ok().filter(|_| is_number)?;
    let offset = usize::from_str_radix(number, 16).ok()?;
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
    (!bytes.is_empty()).then_some(bytes)
}

/// `Date: Mon, 23 Nov 2026 12:00:05 GMT`
fn answered_at(line: &[u8]) -> Option<OffsetDateTime> {
    let (name, value) = line.split_at_checked(5)?;
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
