//! Flat XML: one root, and children of it that hold text. Nothing else of XML is let in.
//!
//! **Invariant**: no DOCTYPE, no entity but the five that XML has and character references, no
//! processing instruction, no comment, no attribute, no deeper level, no name twice: whatever two
//! readers could read in two ways is an error. Source: XML 1.0 (fifth edition), narrowed.

use quick_xml::Reader;
use quick_xml::events::{BytesDecl, BytesStart, Event};

/// Children that a root may have. A payment with twenty coupons has about 90.
pub const ELEMENTS_MAX: usize = 256;
pub const NAME_MAX_BYTES: usize = 64;
/// The longest value that a provider sends is an encrypted one, of about 1.5 KiB.
pub const VALUE_MAX_BYTES: usize = 16 * 1024;

/// The children's names and texts, sorted by name in byte order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Elements(Vec<(String, String)>);

/// Where in the text the parser stands.
enum Place {
    BeforeRoot,
    InRoot,
    /// In the child whose name and text so far these are.
    InChild(String, String),
    AfterRoot,
}

impl Elements {
    /// Reads a text whose root bears this name, or says what it is not.
    pub fn parse(bytes: &[u8], root: &str) -> Result<Self, &'static str> {
        let text = std::str::from_utf8(bytes).map_err(|_| "not UTF-8")?;
        // Whatever reads it would quietly leave out a mark of the byte order at its beginning.
        if text.starts_with('\u{feff}') || !text.chars().all(is_character) {
            return Err("a character that XML does not have");
        }
        let mut parser = Reader::from_str(text);
        let mut elements = Self(vec![]);
        let mut place = Place::BeforeRoot;
        let mut is_first = true;
        loop {
            let event = parser.read_event().map_err(|_| "not well-formed XML")?;
            if let Event::Eof = event {
                break;
            }
            place = match (place, event) {
                (Place::BeforeRoot, Event::Decl(declaration)) if is_first => {
                    check_declaration(&declaration, text)?;
                    Place::BeforeRoot
                }
                (Place::BeforeRoot, Event::Start(tag)) if name(&tag)? == root => Place::InRoot,
                (Place::InRoot, Event::Start(tag)) => Place::InChild(name(&tag)?, String::new()),
                (Place::InRoot, Event::Empty(tag)) => {
                    elements.push(name(&tag)?, String::new())?;
                    Place::InRoot
                }
                (Place::InRoot, Event::End(_)) => Place::AfterRoot,
                (Place::InChild(name, value), Event::End(_)) => {
                    elements.push(name, value)?;
                    Place::InRoot
                }
                (Place::InChild(name, value), event) => {
                    Place::InChild(name, value + &content(&event)?)
                }
                (place, Event::Text(text)) if text.chars().all(is_space) => place,
                _ => return Err("something that has no place here"),
            };
            is_first = false;
        }
        match place {
            Place::AfterRoot => elements.sorted(),
            Place::BeforeRoot | Place::InRoot | Place::InChild(..) => Err("no whole root"),
        }
    }

    /// The text; an empty one counts as absent.
    pub fn get(&self, name: &str) -> Option<&str> {
        let found = self.0.binary_search_by(|(known, _)| known.as_str().cmp(name)).ok()?;
        Some(self.0[found].1.as_str()).filter(|value| !value.is_empty())
    }

    /// Names and texts, in byte order of the names.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().map(|(name, value)| (name.as_str(), value.as_str()))
    }

    fn push(&mut self, name: String, value: String) -> Result<(), &'static str> {
        if self.0.len() == ELEMENTS_MAX || value.len() > VALUE_MAX_BYTES {
            return Err("too many elements, or too long a value");
        }
        self.0.push((name, value));
        Ok(())
    }

    fn sorted(mut self) -> Result<Self, &'static str> {
        self.0.sort_unstable();
        if self.0.windows(2).any(|two| two[0].0 == two[1].0) {
            return Err("a repeated element");
        }
        Ok(self)
    }
}

/// Writes what [`Elements::parse`] reads, for simulation: every value in CDATA.
pub fn write<'a>(root: &str, pairs: impl IntoIterator<Item = (&'a str, &'a str)>) -> String {
    let mut text = format!("<{root}>");
    for (name, value) in pairs {
        let value = value.replace("]]>", "]]]]><![CDATA[>");
        text.push_str(&format!("<{name}><![CDATA[{value}]]></{name}>"));
    }
    text + &format!("</{root}>")
}

/// `version` is 1.0; `encoding`, where it is stated, is UTF-8.
fn check_declaration(declaration: &BytesDecl<'_>, text: &str) -> Result<(), &'static str> {
    const WRONG: &str = "a declaration other than XML 1.0 in UTF-8";
    let is_utf8 = match declaration.encoding() {
        Some(encoding) => encoding.is_ok_and(|encoding| encoding.eq_ignore_ascii_case("utf-8")),
        None => true,
    };
    let is_1_0 = declaration.version().is_ok_and(|version| version == "1.0");
    if is_1_0 && is_utf8 && text.starts_with("<?xml") { Ok(()) } else { Err(WRONG) }
}

/// A name of plain letters, without attributes.
fn name(tag: &BytesStart<'_>) -> Result<String, &'static str> {
    let qname = tag.name();
    let name = qname.as_ref();
    let begins = name.bytes().next().is_some_and(|byte| byte.is_ascii_alphabetic() || byte == b'_');
    let letter = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'.');
    if !begins || name.len() > NAME_MAX_BYTES || !name.bytes().all(letter) {
        return Err("a name that no element has here");
    }
    if !tag.attributes_raw().chars().all(is_space) {
        return Err("an attribute");
    }
    Ok(name.to_owned())
}

/// What an event adds to a child's text.
fn content(event: &Event<'_>) -> Result<String, &'static str> {
    match event {
        Event::Text(text) if !text.contains("]]>") => Ok(text.to_string()),
        Event::CData(text) => Ok(text.to_string()),
        Event::GeneralRef(reference) => {
            let known = match reference.as_ref() {
                "amp" => Some('&'),
                "lt" => Some('<'),
                "gt" => Some('>'),
                "quot" => Some('"'),
                "apos" => Some('\''),
                _ => reference.resolve_char_ref().ok().flatten().filter(|c| is_character(*c)),
            };
            known.map(String::from).ok_or("an entity")
        }
        _ => Err("an element that holds more than text"),
    }
}

/// Source: XML 1.0 §2.2.
fn is_character(c: char) -> bool {
    matches!(c, '\t' | '\n' | '\r' | ' '..='\u{d7ff}' | '\u{e000}'..='\u{fffd}' | '\u{10000}'..)
}

/// Source: XML 1.0 §2.3.
fn is_space(c: char) -> bool {
    matches!(c, ' ' | '\t' | '\n' | '\r')
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn parsed(text: &str) -> Option<Vec<(String, String)>> {
        Elements::parse(text.as_bytes(), "xml").ok().map(|elements| elements.0)
    }

    fn pairs(of: &[(&str, &str)]) -> Option<Vec<(String, String)>> {
        Some(of.iter().map(|(name, value)| ((*name).into(), (*value).into())).collect())
    }

    #[test]
    fn text_cdata_and_references_make_one_value() {
        let text = "<?xml version=\"1.0\" encoding=\"utf-8\"?>\n<xml>\n <b>1 &lt;&#x8bed;<![CDATA[&amp;]]>\r\n</b ><a/></xml>\n";
        assert_eq!(parsed(text), pairs(&[("a", ""), ("b", "1 <语&amp;\r\n")]));
        let elements = Elements::parse(b"<xml><a></a><b> </b></xml>", "xml").unwrap();
        assert_eq!(
            (elements.get("a"), elements.get("b"), elements.get("c")),
            (None, Some(" "), None)
        );
    }

    #[test]
    fn what_two_readers_could_read_in_two_ways_is_refused() {
        for text in [
            "",
            "x",
            "<xml>",
            "<xml/>",
            "</xml>",
            "<root></root>",
            "\u{feff}<xml></xml>",
            "<xml><a>1</a><a>2</a></xml>",
            "<xml><a>1</a><a/></xml>",
            "<xml><a><b>1</b></a></xml>",
            "<xml><a>1<b/></a></xml>",
            "<xml><a x=\"1\">1</a></xml>",
            "<xml x=\"1\"><a>1</a></xml>",
            "<xml><a>1</a>2</xml>",
            "<xml><![CDATA[ ]]><a>1</a></xml>",
            "<xml>&#32;<a>1</a></xml>",
            "<xml><a>1</b></xml>",
            "<xml><a>1</a></xml><xml></xml>",
            "<xml><a>1</a></xml>x",
            "x<xml><a>1</a></xml>",
            "<xml><a>&unknown;</a></xml>",
            "<xml><a>&#0;</a></xml>",
            "<xml><a>&#xD800;</a></xml>",
            "<xml><a>&#11;</a></xml>",
            "<xml><a>& </a></xml>",
            "<xml><a>]]></a></xml>",
            "<xml><a>\u{0}</a></xml>",
            "<xml><a>\u{ffff}</a></xml>",
            "<xml><a>1</a><!-- --></xml>",
            "<xml><a>1<!-- -->2</a></xml>",
            "<xml><?php x?></xml>",
            "<?php x?><xml></xml>",
            "<xml><x:a>1</x:a></xml>",
            "<xml><é>1</é></xml>",
            "<xml><1>1</1></xml>",
            " <?xml version=\"1.0\"?><xml></xml>",
            "<?xml version=\"1.0\"?><?xml version=\"1.0\"?><xml></xml>",
            "<?xml version=\"1.1\"?><xml></xml>",
            "<?xml version=\"1.0\" encoding=\"GBK\"?><xml></xml>",
            "<xml><?xml version=\"1.0\"?></xml>",
            "<!DOCTYPE xml><xml></xml>",
            "<!DOCTYPE xml [<!ENTITY a \"1\">]><xml><a>&a;</a></xml>",
            "<xml><!DOCTYPE x></xml>",
        ] {
            assert_eq!(parsed(text), None, "{text}");
        }
        assert!(Elements::parse(b"<xml><a>\xff</a></xml>", "xml").is_err());
    }

    #[test]
    fn names_values_and_their_number_are_limited() {
        let child = |name: usize, value: usize| {
            format!("<xml><{0}>{1}</{0}></xml>", "a".repeat(name), "1".repeat(value))
        };
        let many = |count: usize| {
            let children = (0..count).map(|number| format!("<a{number}/>"));
            format!("<xml>{}</xml>", children.collect::<String>())
        };
        let all = [child(NAME_MAX_BYTES, VALUE_MAX_BYTES), many(ELEMENTS_MAX)];
        assert!(all.iter().all(|text| parsed(text).is_some()));
        let beyond =
            [child(NAME_MAX_BYTES + 1, 1), child(1, VALUE_MAX_BYTES + 1), many(ELEMENTS_MAX + 1)];
        assert!(beyond.iter().all(|text| parsed(text).is_none()));
    }

    proptest! {
        #[test]
        fn what_is_written_is_read_as_it_was(value in "[\\PC\t\n\r&<>\\]]{0,40}") {
            let text = write("xml", [("a", value.as_str()), ("b", "1")]);
            let value = value.as_str();
            prop_assert_eq!(parsed(&text), pairs(&[("a", value), ("b", "1")]));
        }
    }
}
