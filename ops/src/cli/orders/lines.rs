//! Lines of a stream, with a limit to each.
//!
//! **Invariant**: memory does not grow with a line that is too long, and the lines after it are read.

use std::io;

use tokio::io::{AsyncBufRead, AsyncBufReadExt as _};

/// Bytes that one line may have.
pub(in crate::cli) const LINE_MAX_BYTES: usize = 1 << 20;

/// One line of the stream, without its end.
#[derive(Debug, PartialEq, Eq)]
pub(in crate::cli) enum Line {
    Text(Vec<u8>),
    TooLong,
}

/// Numbers lines from 1.
pub(in crate::cli) struct Lines<R> {
    stream: R,
    number: u64,
    bytes: u64,
    max_bytes: usize,
}

impl<R: AsyncBufRead + Unpin> Lines<R> {
    pub(in crate::cli) fn new(stream: R) -> Self {
        Self { stream, number: 0, bytes: 0, max_bytes: LINE_MAX_BYTES }
    }

    /// How much was read so far.
    pub(super) fn bytes(&self) -> u64 {
        self.bytes
    }

    /// The next line and its number; nothing at the end.
    pub(in crate::cli) async fn next(&mut self) -> io::Result<Option<(u64, Line)>> {
        let mut text = vec![];
        let (mut too_long, mut began) = (false, false);
        loop {
            let chunk = self.stream.fill_buf().await?;
            if chunk.is_empty() && !began {
                return Ok(None);
            }
            began = true;
            let end = chunk.iter().position(|byte| *byte == b'\n');
            let taken = end.unwrap_or(chunk.len());
            too_long |= text.len() + taken > self.max_bytes;
            if !too_long {
                text.extend_from_slice(&chunk[..taken]);
            }
            let is_last = end.is_some() || chunk.is_empty();
            let consumed = taken + usize::from(end.is_some());
            self.bytes += consumed as u64;
            self.stream.consume(consumed);
            if is_last {
                break;
            }
        }
        self.number += 1;
        let line = if too_long { Line::TooLong } else { Line::Text(text) };
        Ok(Some((self.number, line)))
    }
}

/// The first line without the mark that some editors put before a text.
pub(in crate::cli) fn without_mark(number: u64, text: &[u8]) -> &[u8] {
    let mark = if number == 1 { "\u{feff}" } else { "" };
    text.strip_prefix(mark.as_bytes()).unwrap_or(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn all(text: &[u8]) -> Vec<(u64, Line)> {
        // A small buffer, so that lines span several reads.
        let stream = tokio::io::BufReader::with_capacity(3, text);
        let mut lines = Lines { stream, number: 0, bytes: 0, max_bytes: 8 };
        let mut found = vec![];
        while let Some(line) = lines.next().await.unwrap() {
            found.push(line);
        }
        found
    }

    fn text(line: &str) -> Line {
        Line::Text(line.as_bytes().to_vec())
    }

    #[tokio::test]
    async fn every_line_has_its_number() {
        assert_eq!(all(b"").await, []);
        assert_eq!(all(b"a\n\nbcdefg").await, [(1, text("a")), (2, text("")), (3, text("bcdefg"))]);
        assert_eq!(all(b"12345678\n").await, [(1, text("12345678"))]);
    }

    #[tokio::test]
    async fn a_line_that_is_too_long_does_not_stop_the_rest() {
        assert_eq!(all(b"123456789\nb\n").await, [(1, Line::TooLong), (2, text("b"))]);
        assert_eq!(all(b"a\n0123456789abcdef").await, [(1, text("a")), (2, Line::TooLong)]);
    }
}
