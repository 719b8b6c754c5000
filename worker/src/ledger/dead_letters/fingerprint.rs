//! What failures have in common: two of the same cause bear the same fingerprint. Pure.
//!
//! **Invariant**: a normalised text holds no value of a message: no number, no id, nothing quoted.

use sha2::{Digest as _, Sha256};

/// Bytes that a normalised text may have.
pub const MESSAGE_MAX_BYTES: usize = 200;
/// Letters and digits from which on a word of hexadecimal digits is taken for an id.
const HEX_MIN: usize = 8;

/// A group's fingerprint.
pub type Fingerprint = [u8; 32];

pub fn fingerprint(stage: &str, code: &str, provider: &str, message: &str) -> Fingerprint {
    let mut hash = Sha256::new_with_prefix(b"quittance failure 1\0");
    for part in [stage, code, provider, message] {
        hash.update((part.len() as u64).to_be_bytes());
        hash.update(part);
    }
    hash.finalize().into()
}

/// The text without what differs from one message to the next.
pub fn normalise(text: &str) -> String {
    let mut words: Vec<String> = vec![];
    for word in unquoted(text).split_whitespace() {
        let word = normal(word);
        if word != "#" || words.last().is_none_or(|last| last != "#") {
            words.push(word);
        }
    }
    cut(&words.join(" "), MESSAGE_MAX_BYTES).to_owned()
}

/// The longest beginning with at most so many bytes.
pub fn cut(text: &str, max_bytes: usize) -> &str {
    &text[..text.floor_char_boundary(max_bytes)]
}

/// Whatever stands between two quotes is a value.
fn unquoted(text: &str) -> String {
    let mut plain = String::new();
    let mut inside = None;
    for letter in text.chars() {
        match (inside, letter) {
            (Some(quote), _) if letter == quote => inside = None,
            (Some(_), _) => {}
            (None, '"' | '\'') => {
                plain.push('#');
                inside = Some(letter);
            }
            // What cannot be shown is nobody's word.
            (None, _) if letter.is_control() => plain.push(' '),
            (None, _) => plain.push(letter),
        }
    }
    plain
}

/// A word with its numbers and ids taken out.
fn normal(word: &str) -> String {
    let mut normal = String::new();
    let mut run = String::new();
    for letter in word.chars() {
        if letter.is_ascii_alphanumeric() {
            run.push(letter);
        } else {
            normal.push_str(run_of(&run));
            run.clear();
            // Not ours: we speak ASCII.
            normal.push(if letter.is_ascii() { letter } else { '#' });
        }
    }
    normal.push_str(run_of(&run));
    while normal.contains("##") || normal.contains("#-#") {
        normal = normal.replace("#-#", "#").replace("##", "#");
    }
    normal
}

fn run_of(run: &str) -> &str {
    let has_digit = run.bytes().any(|byte| byte.is_ascii_digit());
    let is_hex = run.len() >= HEX_MIN && run.bytes().all(|byte| byte.is_ascii_hexdigit());
    if has_digit || is_hex { "#" } else { run }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn what_differs_between_messages_is_taken_out() {
        for (text, expected) in [
            ("unreadable: total_amount", "unreadable: total_amount"),
            (
                "the ledger refused the data: payments_pkey",
                "the ledger refused the data: payments_pkey",
            ),
            ("its reader crashed 5 times", "its reader crashed # times"),
            ("order 2026-11-23T04:00:03Z is late", "order #:#:# is late"),
            ("id 0193a0f0-0000-7000-8000-000000000000 is gone", "id # is gone"),
            ("a body of deadbeefcafe is closed", "a body of # is closed"),
            ("wrong \"ana@example.com\" given", "wrong # given"),
            ("wrong 'x y' and `mchid`", "wrong # and `mchid`"),
            ("an unended \"quote of a value", "an unended #"),
            ("\u{1b}[31mred", "[#"),
            ("买家 7", "#"),
            ("", ""),
        ] {
            assert_eq!(normalise(text), expected, "{text}");
        }
    }

    #[test]
    fn each_part_counts_by_itself() {
        let one = fingerprint("read", "unreadable", "alipay", "x");
        assert_eq!(one, fingerprint("read", "unreadable", "alipay", "x"));
        for other in [
            fingerprint("settle", "unreadable", "alipay", "x"),
            fingerprint("read", "refused", "alipay", "x"),
            fingerprint("read", "unreadable", "stripe", "x"),
            fingerprint("read", "unreadable", "alipay", "y"),
            fingerprint("readun", "readable", "alipay", "x"),
        ] {
            assert_ne!(one, other);
        }
    }

    proptest! {
        #[test]
        fn nothing_that_was_normalised_holds_a_digit_or_changes_again(text in ".{0,300}") {
            let normal = normalise(&text);
            prop_assert!(normal.len() <= MESSAGE_MAX_BYTES);
            prop_assert!(!normal.bytes().any(|byte| byte.is_ascii_digit()));
            prop_assert!(normal.is_ascii());
        }
    }
}
