//! What of a stored body tells who paid, and what may be shown of it.
//!
//! **Invariant**: a field is shown only when its name, and every name above it, is known to be no
//! personal one; a body that cannot be taken apart is not shown at all.

use super::Provider;
use super::form::Form;
use super::json::Json;
use super::xml::Elements;

/// Fields that are shown of one body.
const FIELDS_MAX: usize = 2_000;

/// One field of a body.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Field {
    /// Where it stands: names and places in lists, joined with `.`.
    pub name: String,
    /// Nothing: it is personal.
    pub value: Option<String>,
}

/// The fields of a stored body, without the personal values. Nothing: it cannot be taken apart.
pub fn masked(provider: Provider, body: &[u8]) -> Option<Vec<Field>> {
    let mut fields = Fields { personal: provider.personal(), found: vec![] };
    let begin = body.iter().find(|byte| !byte.is_ascii_whitespace());
    match begin {
        Some(b'{' | b'[') => fields.json("", &Json::parse(body)?, false),
        Some(b'<') => {
            for (name, value) in Elements::parse(body, "xml").ok()?.iter() {
                fields.push(name.to_owned(), value.to_owned(), fields.masks(name));
            }
        }
        Some(_) => {
            for (key, value) in Form::parse(body).ok()?.iter() {
                let name = String::from_utf8_lossy(key).into_owned();
                let masks = fields.masks(&name);
                fields.push(name, String::from_utf8_lossy(value).into_owned(), masks);
            }
        }
        None => return None,
    }
    fields.found.truncate(FIELDS_MAX);
    Some(fields.found)
}

struct Fields {
    personal: &'static [&'static str],
    found: Vec<Field>,
}

impl Fields {
    /// Is a field of this name personal, with all that stands in it?
    fn masks(&self, name: &str) -> bool {
        let is = |personal: &&str| *personal == "*" || personal.eq_ignore_ascii_case(name);
        self.personal.iter().any(is)
    }

    fn json(&mut self, place: &str, value: &Json, masked: bool) {
        let below = |name: &str| {
            if place.is_empty() { name.to_owned() } else { format!("{place}.{name}") }
        };
        match value {
            Json::Object(pairs) => {
                for (name, value) in pairs {
                    self.json(&below(name), value, masked || self.masks(name));
                }
            }
            Json::List(items) => {
                for (index, item) in items.iter().enumerate() {
                    self.json(&below(&index.to_string()), item, masked);
                }
            }
            Json::Null => {}
            Json::Bool(value) => self.push(place.to_owned(), value.to_string(), masked),
            Json::Integer(value) => self.push(place.to_owned(), value.to_string(), masked),
            // Its digits were not kept, and it is never an amount.
            Json::OtherNumber => self.push(place.to_owned(), "(a number)".to_owned(), masked),
            Json::Text(value) => self.push(place.to_owned(), value.clone(), masked),
        }
    }

    fn push(&mut self, name: String, value: String, masked: bool) {
        self.found.push(Field { name, value: (!masked).then_some(value) });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(provider: Provider, body: &str) -> Vec<(String, Option<String>)> {
        let fields = masked(provider, body.as_bytes()).unwrap();
        fields.into_iter().map(|field| (field.name, field.value)).collect()
    }

    fn pair(name: &str, value: Option<&str>) -> (String, Option<String>) {
        (name.to_owned(), value.map(ToOwned::to_owned))
    }

    #[test]
    fn each_form_is_taken_apart() {
        let form = shown(Provider::Alipay, "buyer_logon_id=a%40b.c&trade_no=1");
        assert_eq!(form, [pair("buyer_logon_id", None), pair("trade_no", Some("1"))]);
        let xml =
            shown(Provider::WechatPayV2, "<xml><openid>o</openid><total_fee>1</total_fee></xml>");
        assert_eq!(xml, [pair("openid", None), pair("total_fee", Some("1"))]);
        let json = shown(
            Provider::Stripe,
            r#"{"data":{"object":{"amount":7,"billing_details":{"x":{"Email":"a"}},"list":[{"email":"b"}]}}}"#,
        );
        let expected = [
            pair("data.object.amount", Some("7")),
            pair("data.object.billing_details.x.Email", None),
            pair("data.object.list.0.email", None),
        ];
        assert_eq!(json, expected);
    }

    #[test]
    fn what_nobody_classified_is_masked_whole() {
        let fields = shown(Provider::StandardWebhooks, r#"{"data":{"anything":"x"}}"#);
        assert_eq!(fields, [pair("data.anything", None)]);
    }

    #[test]
    fn what_cannot_be_taken_apart_is_not_shown() {
        for body in ["", "  ", "{", "<xml>", "a=1&a=2", "{\"a\":1,\"a\":2}"] {
            assert_eq!(masked(Provider::Alipay, body.as_bytes()), None, "{body}");
        }
    }

    #[test]
    fn every_provider_says_what_is_personal() {
        for provider in Provider::ALL {
            assert!(!provider.personal().is_empty(), "{}", provider.as_str());
        }
    }
}
