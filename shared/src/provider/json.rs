//! JSON as it was verified: a repeated key is refused at every level, and a number is whole or it is
//! none. Source: RFC 8259, narrowed by RFC 7493 §2.3.

use std::collections::BTreeMap;
use std::fmt;

use serde::de::{self, Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};

pub(crate) mod field;

/// A parsed text. serde_json limits its depth to 128.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Json {
    Null,
    Bool(bool),
    Integer(i64),
    /// A fraction, an exponent, or more digits than 64 bits hold: never an amount.
    OtherNumber,
    Text(String),
    List(Vec<Json>),
    Object(BTreeMap<String, Json>),
}

/// What stands where nothing stands.
static NULL: Json = Json::Null;

impl Json {
    /// Parses one text. Nothing: no JSON, or a repeated key.
    pub fn parse(bytes: &[u8]) -> Option<Self> {
        serde_json::from_slice(bytes).ok()
    }

    /// The value behind keys, one level each; `Null` where there is none.
    pub fn at(&self, path: &[&str]) -> &Self {
        path.iter().fold(self, |value, key| match value {
            Self::Object(pairs) => pairs.get(*key).unwrap_or(&NULL),
            Self::Null
            | Self::Bool(_)
            | Self::Integer(_)
            | Self::OtherNumber
            | Self::Text(_)
            | Self::List(_) => &NULL,
        })
    }

    /// The text; an empty one counts as absent.
    pub fn text(&self) -> Option<&str> {
        match self {
            Self::Text(text) if !text.is_empty() => Some(text),
            _ => None,
        }
    }

    pub fn integer(&self) -> Option<i64> {
        match self {
            Self::Integer(number) => Some(*number),
            _ => None,
        }
    }

    pub fn boolean(&self) -> Option<bool> {
        match self {
            Self::Bool(value) => Some(*value),
            _ => None,
        }
    }

    /// The elements; what is no list has none.
    pub fn list(&self) -> &[Self] {
        match self {
            Self::List(items) => items,
            _ => &[],
        }
    }

    pub fn is_null(&self) -> bool {
        *self == Self::Null
    }
}

struct AnyValue;

impl<'de> Deserialize<'de> for Json {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(AnyValue)
    }
}

impl<'de> Visitor<'de> for AnyValue {
    type Value = Json;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_unit<E>(self) -> Result<Json, E> {
        Ok(Json::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Json, E> {
        Ok(Json::Bool(value))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Json, E> {
        Ok(Json::Integer(value))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Json, E> {
        Ok(i64::try_from(value).map_or(Json::OtherNumber, Json::Integer))
    }

    fn visit_f64<E>(self, _: f64) -> Result<Json, E> {
        Ok(Json::OtherNumber)
    }

    fn visit_str<E>(self, value: &str) -> Result<Json, E> {
        Ok(Json::Text(value.to_owned()))
    }

    fn visit_string<E>(self, value: String) -> Result<Json, E> {
        Ok(Json::Text(value))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Json, A::Error> {
        let mut list = vec![];
        while let Some(item) = items.next_element()? {
            list.push(item);
        }
        Ok(Json::List(list))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Json, A::Error> {
        let mut pairs = BTreeMap::new();
        while let Some((key, value)) = entries.next_entry::<String, Json>()? {
            if pairs.insert(key, value).is_some() {
                return Err(de::Error::custom("a repeated key"));
            }
        }
        Ok(Json::Object(pairs))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_repeated_key_is_refused_wherever_it_stands() {
        for text in [r#"{"a":1,"a":1}"#, r#"[{"b":{"a":1,"\u0061":2}}]"#, "", "{}x", "{'a':1}"] {
            assert_eq!(Json::parse(text.as_bytes()), None, "{text}");
        }
        assert_eq!(Json::parse(&[b'['; 10_000]), None);
    }

    #[test]
    fn numbers_are_exact_or_no_amount() {
        for (text, expected) in [
            ("9223372036854775807", Json::Integer(i64::MAX)),
            ("9223372036854775808", Json::OtherNumber),
            ("12345678901234567890", Json::OtherNumber),
            ("-1", Json::Integer(-1)),
            ("1.0", Json::OtherNumber),
            ("1e2", Json::OtherNumber),
        ] {
            assert_eq!(Json::parse(text.as_bytes()), Some(expected), "{text}");
        }
    }

    #[test]
    fn a_path_leads_to_a_value_or_to_nothing() {
        let json = Json::parse(br#"{"a":{"b":"x","c":""},"d":[true]}"#).unwrap();
        assert_eq!(json.at(&["a", "b"]).text(), Some("x"));
        assert_eq!(json.at(&["a", "c"]).text(), None);
        assert!(json.at(&["a", "b", "c"]).is_null());
        assert_eq!(json.at(&["d"]).list()[0].boolean(), Some(true));
    }
}
