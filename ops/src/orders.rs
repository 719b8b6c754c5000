//! Orders as shops hand them in, a JSON document or a row of CSV, and as people ask about them. Both forms
//! end as the same document, so that one reading judges them.

use serde::Deserializer;
use serde::de::DeserializeOwned;
use serde_json::Value;
use worker::ledger::records::NewOrder;

pub mod csv;
pub mod timeline;
pub mod explain;
#[cfg(test)]
mod sample;

/// Letters of a complaint: it may quote what a stranger sent.
const COMPLAINT_MAX: usize = 300;

/// Why a document is no order.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{}", self.in_words())]
pub struct Wrong {
    /// Which field, where it is about one.
    pub field: Option<String>,
    pub why: String,
}

/// The order in a JSON text.
pub fn from_json(text: &[u8]) -> Result<NewOrder, Wrong> {
    checked(from_text(text)?)
}

/// The one document of ours that a JSON text is.
pub fn from_text<T: DeserializeOwned>(text: &[u8]) -> Result<T, Wrong> {
    let mut document = serde_json::Deserializer::from_slice(text);
    let one = read(&mut document)?;
    document.end().map_err(|error| Wrong::new(None, &plain(&error)))?;
    Ok(one)
}

/// The order that a JSON value is.
pub fn from_value(value: Value) -> Result<NewOrder, Wrong> {
    checked(read::<NewOrder, _>(value)?)
}

/// Any document of ours, with the field named that does not fit.
pub fn read<'de, T, D>(document: D) -> Result<T, Wrong>
where
    T: DeserializeOwned,
    D: Deserializer<'de, Error = serde_json::Error>,
{
    serde_path_to_error::deserialize(document).map_err(|error| {
        let field = Some(error.path().to_string()).filter(|path| path != ".").map(|path| {
            // Whatever lies in metadata is the shop's affair, and may lie deep.
            let is_within = path.starts_with("metadata[") || path.starts_with("metadata.");
            if is_within { "metadata".to_owned() } else { path }
        });
        let error = error.into_inner();
        // What fails an amount is how it was written, and serde would speak of our types.
        match field.as_deref() {
            Some("amount") if error.is_data() => Wrong::new(field, AMOUNT),
            Some("expires_at" | "anchor") if error.is_data() => Wrong::new(field, TIME),
            None if error.is_syntax() => Wrong::new(None, &format!("not JSON: {}", plain(&error))),
            Some(_) | None => Wrong::new(field, &plain(&error)),
        }
    })
}

const AMOUNT: &str = "a whole number of minor units is needed, without point or exponent, from 1 to \
                      9223372036854775807";

const TIME: &str = "a time as RFC 3339 is needed, with its zone, as in 2026-11-30T23:59:59Z";

fn checked(order: NewOrder) -> Result<NewOrder, Wrong> {
    match order.check() {
        Ok(()) => Ok(order),
        Err(why) => Err(match why.split_once(": ") {
            Some((field, why)) => Wrong::new(Some(field.to_owned()), why),
            None => Wrong::new(None, &why),
        }),
    }
}

/// serde_json counts lines within the document, which would only confuse.
fn plain(error: &serde_json::Error) -> String {
    error.to_string().split(" at line ").next().unwrap_or_default().to_owned()
}

impl Wrong {
    pub fn new(field: Option<String>, why: &str) -> Self {
        let cut = |text: &str| text.chars().take(COMPLAINT_MAX).collect::<String>();
        Self { field: field.map(|field| cut(&field)), why: cut(why) }
    }

    fn in_words(&self) -> String {
        match &self.field {
            // serde names a field that it does not know, or misses, in its own words.
            Some(field) if !self.why.contains(&format!("`{field}`")) => {
                format!("{field}: {}", self.why)
            }
            Some(_) | None => self.why.clone(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_document_is_an_order_or_says_which_field_is_wrong() {
        let good = from_json(br#"{"order_no":"A-1","amount":10,"currency":"CNY"}"#);
        assert_eq!(good.unwrap().order_no, "A-1");
        for (text, wrong) in [
            (r#"{"order_no":"A-1","amount":10,"currency":"CNY""#, "EOF"),
            (r#"{"order_no":"A-1","amount":10,"currency":"CNY"} {}"#, "trailing characters"),
            (r#"{"order_no":"A-1","amount":0.1,"currency":"CNY"}"#, "amount: a whole number"),
            (r#"{"order_no":"A-1","amount":1e3,"currency":"CNY"}"#, "amount: a whole number"),
            (r#"{"order_no":"A-1","amount":"10","currency":"CNY"}"#, "amount: a whole number"),
            (
                r#"{"order_no":"A-1","amount":12345678901234567890,"currency":"CNY"}"#,
                "amount: a whole number",
            ),
            (r#"{"order_no":"A-1","amount":0,"currency":"CNY"}"#, "amount: more than 0"),
            (r#"{"order_no":"A-1","amount":-1,"currency":"CNY"}"#, "amount: more than 0"),
            (r#"{"order_no":"","amount":1,"currency":"CNY"}"#, "order_no: an order number may not"),
            (r#"{"order_no":"A-1","amount":1,"currency":"yuan"}"#, "currency: a currency is three"),
            (r#"{"order_no":"A-1","amount":1}"#, "missing field `currency`"),
            (
                r#"{"order_no":"A-1","amount":1,"currency":"CNY","expires_at":"tomorrow"}"#,
                "expires_at: a time as RFC 3339",
            ),
            ("an order", "not JSON"),
            ("7", "an order as a JSON object"),
            (
                r#"{"order_no":"A-1","amount":1,"currency":"CNY","status":"paid"}"#,
                "unknown field `status`",
            ),
            (r#"{"order_no":"A","amount":1,"currency":"CNY","account":""}"#, "account: "),
            (r#"{"order_no":"A","amount":1,"currency":"CNY","numbers":["a",""]}"#, "numbers: "),
            (
                r#"{"order_no":"A","amount":1,"currency":"CNY","expires_at":"tomorrow"}"#,
                "expires_at: ",
            ),
            (
                r#"{"order_no":"A","amount":1,"currency":"CNY","expires_at":"292000-01-01T00:00:00Z"}"#,
                "expires_at: ",
            ),
            (
                r#"{"order_no":"A","amount":1,"currency":"CNY","subscription_no":"S","period":"P1"}"#,
                "period: an ISO 8601",
            ),
            ("\u{fffd}", "expected value"),
        ] {
            let error = from_json(text.as_bytes()).unwrap_err().to_string();
            assert!(error.starts_with(wrong) || error.contains(wrong), "{text}: {error}");
            assert!(!error.contains("column"), "{error}");
        }
    }

    #[test]
    fn metadata_has_a_depth_and_a_size() {
        let order = |metadata: &str| {
            let text =
                format!(r#"{{"order_no":"A","amount":1,"currency":"CNY","metadata":{metadata}}}"#);
            from_json(text.as_bytes())
        };
        assert!(order(&format!("{}{}", "[".repeat(32), "]".repeat(32))).is_ok());
        for metadata in [
            format!("{}{}", "[".repeat(33), "]".repeat(33)),
            format!("{}{}", "[".repeat(5_000), "]".repeat(5_000)),
            format!("\"{}\"", "x".repeat(16 * 1024)),
            r#"{"a":"\u0000"}"#.to_owned(),
            r#"{"\u0000":1}"#.to_owned(),
        ] {
            let error = order(&metadata).unwrap_err();
            assert_eq!(error.field.as_deref(), Some("metadata"), "{error}");
        }
    }

    #[test]
    fn a_complaint_is_short_whatever_was_sent() {
        let text = format!(r#"{{"{}":1}}"#, "x".repeat(100_000));
        assert!(from_json(text.as_bytes()).unwrap_err().to_string().len() < 1_000);
    }
}
