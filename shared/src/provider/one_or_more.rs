//! A key of the configuration that takes one name or a list of names.

use std::fmt;

use serde::de::{Error, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer};

/// `"1900000109"`, or `["1900000109", "1900000110"]`. A number without quotes is taken as it is written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OneOrMore(pub Vec<String>);

impl<'de> Deserialize<'de> for OneOrMore {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Names)
    }
}

struct Names;

impl<'de> Visitor<'de> for Names {
    type Value = OneOrMore;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a text, or a list of texts")
    }

    fn visit_str<E: Error>(self, name: &str) -> Result<OneOrMore, E> {
        Ok(OneOrMore(vec![name.to_owned()]))
    }

    fn visit_i64<E: Error>(self, number: i64) -> Result<OneOrMore, E> {
        Ok(OneOrMore(vec![number.to_string()]))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<OneOrMore, A::Error> {
        let mut names = vec![];
        while let Some(OneOrMore(more)) = list.next_element()? {
            names.extend(more);
        }
        Ok(OneOrMore(names))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Deserialize)]
    struct Section {
        names: OneOrMore,
    }

    #[test]
    fn one_name_needs_no_list() {
        let names = |text: &str| toml::from_str::<Section>(text).map(|section| section.names.0);
        assert_eq!(names("names = '1'"), Ok(vec!["1".to_owned()]));
        assert_eq!(names("names = 1900000109"), Ok(vec!["1900000109".to_owned()]));
        assert_eq!(names("names = ['a', 2]"), Ok(vec!["a".to_owned(), "2".to_owned()]));
        assert!(names("names = true").is_err() && names("names = {}").is_err());
    }
}
