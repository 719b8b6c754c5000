//! The neutral wire form that every broker carries: properties, headers, bytes.

use bytes::Bytes;
use serde::{Deserialize, Serialize};

/// What a broker holds.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Parcel {
    /// `message_id`; unique among what is in flight.
    pub id: String,
    /// `type`.
    pub kind: String,
    pub content_type: Option<String>,
    /// `timestamp`, seconds since 1970.
    pub timestamp_s: i64,
    /// In order; a name stands once.
    pub headers: Vec<(String, Header)>,
    pub body: Bytes,
}

/// A header's value. What a stranger sends in another type is not carried.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Header {
    Number(i64),
    Text(String),
}

impl Parcel {
    /// The header's text.
    pub fn text(&self, name: &str) -> Option<&str> {
        match self.get(name)? {
            Header::Text(text) => Some(text),
            Header::Number(_) => None,
        }
    }

    /// The header's number.
    pub fn number(&self, name: &str) -> Option<i64> {
        match self.get(name)? {
            Header::Number(number) => Some(*number),
            Header::Text(_) => None,
        }
    }

    /// Sets a header, replacing one of the same name.
    pub fn set(&mut self, name: &str, value: Header) {
        match self.headers.iter_mut().find(|(known, _)| known == name) {
            Some(header) => header.1 = value,
            None => self.headers.push((name.to_owned(), value)),
        }
    }

    /// Without `x-` headers, which belong to the broker.
    pub fn without_broker_headers(&self) -> Self {
        let mut parcel = self.clone();
        parcel.headers.retain(|(name, _)| !name.starts_with("x-"));
        parcel
    }

    fn get(&self, name: &str) -> Option<&Header> {
        self.headers.iter().find(|(known, _)| known == name).map(|(_, value)| value)
    }
}
