//! Quotes in a line of CSV, which the reader itself does not look at so closely. Source: RFC 4180 §2.5 to 2.7.

/// Does each cell begin and end with a quote, with those within it doubled, or have none?
pub(super) fn are_paired(line: &[u8], separator: u8) -> bool {
    let mut rest = line;
    loop {
        let end = match rest.strip_prefix(b"\"") {
            None => {
                let end = rest.iter().position(|byte| *byte == separator).unwrap_or(rest.len());
                if rest[..end].contains(&b'"') {
                    return false;
                }
                end
            }
            Some(mut within) => loop {
                let Some(quote) = within.iter().position(|byte| *byte == b'"') else {
                    return false;
                };
                within = &within[quote + 1..];
                match within.strip_prefix(b"\"") {
                    Some(further) => within = further,
                    None => break rest.len() - within.len(),
                }
            },
        };
        match rest[end..].split_first() {
            None => return true,
            Some((byte, further)) if *byte == separator => rest = further,
            Some(_) => return false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_quote_stands_around_a_cell_and_doubled_within_it_or_nowhere() {
        for line in
            ["", "a,b", "\"a\",b", "a,\"b,c\"", "\"say \"\"hi\"\"\"", "\"\"", ",,", "\"\"\"\",\"\""]
        {
            assert!(are_paired(line.as_bytes(), b','), "{line}");
        }
        for line in ["\"", "a\"", "a,b\"c", "\"a\"b", "\"a\"\"", "a,\"b", "b\",\"1\"", " \"a\""] {
            assert!(!are_paired(line.as_bytes(), b','), "{line}");
        }
    }
}
