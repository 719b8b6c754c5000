//! What a server received, before anything was left out: what a capture holds.

use bytes::Bytes;

use super::{Provider, Rejection, Request};

/// One HTTP request, as it came.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Received {
    /// What stood behind `?`, not decoded.
    pub query: Option<String>,
    /// In their order and with their letters, repeated ones too.
    pub headers: Vec<(String, Vec<u8>)>,
    pub body: Bytes,
}

impl Received {
    /// The part of it that the provider's protocol reads.
    pub fn request(&self, provider: Provider) -> Result<Request, Rejection> {
        let headers = self.headers.iter().map(|(name, value)| (name.as_str(), value.as_slice()));
        Request::admit(provider, headers, self.body.clone())
    }

    /// The first value under this name, in whatever letters.
    pub fn header(&self, name: &str) -> Option<&[u8]> {
        let named = |(known, _): &&(String, Vec<u8>)| known.eq_ignore_ascii_case(name);
        self.headers.iter().find(named).map(|(_, value)| value.as_slice())
    }

    pub(crate) fn with_body(&self, body: impl Into<Bytes>) -> Self {
        Self { body: body.into(), ..self.clone() }
    }

    /// The same without the headers of this name.
    pub(crate) fn without(&self, name: &str) -> Self {
        let mut other = self.clone();
        other.headers.retain(|(known, _)| !known.eq_ignore_ascii_case(name));
        other
    }

    /// The same with this header once, whatever stood there.
    pub(crate) fn with_header(&self, name: &str, value: &[u8]) -> Self {
        let mut other = self.without(name);
        other.headers.push((name.to_owned(), value.to_vec()));
        other
    }
}
