//! `accounts.NAME.return_to`: where a shop wants its payers to be sent on.

use std::fmt;

use serde::Deserialize;
use serde::de::Error as _;
use url::{Host, Url};

/// An address of the shop, with what it needs in its query.
const MAX_BYTES: usize = 1_024;
/// The parameter that is added; the shop's own of this name would be told from it by nobody.
const NUMBER: &str = "order_number";

/// A page of the shop.
#[derive(Clone, PartialEq, Eq)]
pub struct ReturnTo(Url);

impl ReturnTo {
    /// An https address without a password; http on this machine alone, for trying out.
    pub fn parse(text: &str) -> Result<Self, &'static str> {
        if text.len() > MAX_BYTES {
            return Err("is longer than 1024 bytes");
        }
        let url = Url::parse(text).map_err(|_| "is no address: write https://HOST/PATH")?;
        let is_local = match url.host() {
            Some(Host::Domain(name)) => name == "localhost",
            Some(Host::Ipv4(address)) => address.is_loopback(),
            Some(Host::Ipv6(address)) => address.is_loopback(),
            None => false,
        };
        if url.scheme() != "https" && !(url.scheme() == "http" && is_local) {
            return Err("must begin with https://");
        }
        if !url.username().is_empty() || url.password().is_some() {
            return Err("may hold no user and no password: every payer would read them");
        }
        if url.fragment().is_some() {
            return Err("may have no `#`");
        }
        if url.query_pairs().any(|(key, _)| key == NUMBER) {
            return Err("may have no `order_number`: it is added");
        }
        Ok(Self(url))
    }

    /// The address with the number that was proven.
    pub fn with_number(&self, number: &str) -> String {
        let mut url = self.0.clone();
        url.query_pairs_mut().append_pair(NUMBER, number);
        url.into()
    }

    /// The address as it was configured.
    pub fn plain(&self) -> &str {
        self.0.as_str()
    }
}

impl<'de> Deserialize<'de> for ReturnTo {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        Self::parse(&text).map_err(|wrong| D::Error::custom(format!("`return_to` {wrong}")))
    }
}

impl fmt::Debug for ReturnTo {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.plain())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_number_is_added_and_nothing_of_it_escapes() {
        let plain = ReturnTo::parse("https://shop.example/done?lang=zh").unwrap();
        assert_eq!(plain.plain(), "https://shop.example/done?lang=zh");
        assert_eq!(
            plain.with_number("A 1&x=y#/\r\n订"),
            "https://shop.example/done?lang=zh&order_number=A+1%26x%3Dy%23%2F%0D%0A%E8%AE%A2"
        );
        assert!(ReturnTo::parse("http://127.0.0.1:8000/done").is_ok());
    }

    #[test]
    fn what_is_no_safe_address_is_refused() {
        for text in [
            "",
            "shop.example/done",
            "//shop.example",
            "http://shop.example/done",
            "http://localhost.evil.example/",
            "javascript:alert(1)",
            "data:text/html,x",
            "https://user:secret@shop.example/",
            "https://user@shop.example/",
            "https://shop.example/#a",
            "https://shop.example/?order_number=1",
            &format!("https://shop.example/{}", "a".repeat(MAX_BYTES)),
        ] {
            assert!(ReturnTo::parse(text).is_err(), "{text}");
        }
    }
}
