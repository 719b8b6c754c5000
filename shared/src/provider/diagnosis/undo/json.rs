//! JSON that was parsed and written again: every style in which a sender may have written it first.

use std::collections::HashSet;

use self::style::{Layout, Letters, Order, Style};
use super::super::super::Received;
use super::{Clues, Mended, Proposals, none};

mod style;
mod tree;

/// As WeChat Pay writes an envelope.
const ENVELOPE: &[&str] = &[
    "id",
    "create_time",
    "resource_type",
    "event_type",
    "summary",
    "resource",
    "original_type",
    "algorithm",
    "ciphertext",
    "associated_data",
    "nonce",
];
/// As Stripe writes an object: these, then the rest by name.
const IDENTITY: &[&str] = &["id", "object"];

pub(super) fn reserialised<'a>(received: &'a Received, _: &'a Clues) -> Proposals<'a> {
    let Some(node) = tree::parse(&received.body) else { return none() };
    let mut known = HashSet::from([received.body.to_vec()]);
    Box::new(styles().filter_map(move |style| {
        let body = style.write(&node).into_bytes();
        let is_new = known.insert(body.clone());
        is_new.then(|| Mended::with(received.with_body(body), style.describe()))
    }))
}

/// What is common comes first.
fn styles() -> impl Iterator<Item = Style> {
    const ORDERS: [Order; 4] =
        [Order::AsItCame, Order::ByName, Order::First(IDENTITY), Order::First(ENVELOPE)];
    const LAYOUTS: [Layout; 5] = [
        Layout::Compact,
        Layout::Indented("  "),
        Layout::Spaced,
        Layout::Indented("    "),
        Layout::Indented("\t"),
    ];
    const LETTERS: [(Letters, bool); 5] = [
        (Letters::Plain, false),
        (Letters::Lower, false),
        (Letters::Plain, true),
        (Letters::Upper, false),
        (Letters::Lower, true),
    ];
    let texts = LETTERS.into_iter().flat_map(|letters| [(letters, false), (letters, true)]);
    texts.flat_map(|((letters, html), slashes)| {
        ORDERS.into_iter().flat_map(move |order| {
            LAYOUTS.map(|layout| Style { order, layout, slashes, letters, html })
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What may have been sent, for a body that came.
    fn sent(came: &str) -> Vec<String> {
        let body = came.as_bytes().to_vec();
        let received = Received { body: body.into(), ..Received::default() };
        let clues = Clues { provider: crate::provider::Provider::Alipay, key_ids: vec![] };
        let text = |one: Mended| String::from_utf8(one.received.body.to_vec()).unwrap();
        reserialised(&received, &clues).map(text).collect()
    }

    #[test]
    fn what_a_sender_may_have_written_is_among_the_styles() {
        let came = r#"{"summary": "\u8bed</x>", "id": 1.50, "resource": {"z": [], "a": {}}}"#;
        for style in [
            r#"{"summary":"语</x>","id":1.50,"resource":{"z":[],"a":{}}}"#,
            r#"{"summary":"语<\/x>","id":1.50,"resource":{"z":[],"a":{}}}"#,
            r#"{"summary":"\u8BED</x>","id":1.50,"resource":{"z":[],"a":{}}}"#,
            r#"{"id":1.50,"resource":{"a":{},"z":[]},"summary":"\u8bed\u003c/x\u003e"}"#,
            r#"{"id":1.50,"summary":"语</x>","resource":{"a":{},"z":[]}}"#,
            "{\n  \"id\": 1.50,\n  \"resource\": {\n    \"a\": {},\n    \"z\": []\n  },\n  \"summary\": \"语</x>\"\n}",
        ] {
            assert!(sent(came).contains(&style.to_owned()), "{style}");
        }
    }

    #[test]
    fn nothing_is_proposed_twice_and_nothing_for_what_is_no_json() {
        let proposed = sent("{}");
        assert_eq!(proposed, [""; 0], "the styles of nothing are alike");
        assert_eq!(sent("[1]").len(), 3, "indented in three ways");
        for body in ["", "1", "\"x\"", "{", "{a:1}", "\u{feff}{}"] {
            assert_eq!(sent(body), [""; 0], "{body}");
        }
        assert_eq!(sent(&"[".repeat(100_000)), [""; 0]);
        assert_eq!(sent(&format!("{}{}", "[".repeat(60), "]".repeat(60))), [""; 0]);
    }
}
