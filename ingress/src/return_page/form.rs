//! A posted form as the query of a link: the same pairs, in letters that a url may have.

/// Escapes what a url may not have, and nothing that is escaped already. Decoded, each pair is what it
/// was, so its signature still fits.
pub(super) fn as_query(form: &[u8]) -> String {
    let mut query = String::with_capacity(form.len());
    for byte in form {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' => query.push(char::from(*byte)),
            b'-' | b'.' | b'_' | b'~' | b'*' | b'%' | b'&' | b'=' | b'+' => {
                query.push(char::from(*byte));
            }
            _ => query.push_str(&format!("%{byte:02X}")),
        }
    }
    query
}

#[cfg(test)]
mod tests {
    use super::*;
    use shared::provider::form::Form;

    #[test]
    fn the_pairs_stay_what_they_are() {
        let form = "a=1+2&b=%2B%25&c=#?/\"<>\u{8bed} '\\&d".as_bytes();
        let query = as_query(form);
        assert_eq!(query, "a=1+2&b=%2B%25&c=%23%3F%2F%22%3C%3E%E8%AF%AD%20%27%5C&d");
        assert_eq!(Form::parse(query.as_bytes()), Form::parse(form));
        assert_eq!(as_query(query.as_bytes()), query);
    }
}
