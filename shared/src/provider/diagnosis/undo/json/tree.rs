//! A JSON value whose numbers, order of keys and letters stay as they came.

use serde::de::{MapAccess, Visitor};
use serde::{Deserialize, Deserializer};
use serde_json::value::RawValue;

/// Objects and lists within one another.
const DEPTH_MAX: usize = 32;

pub(super) enum Node {
    Object(Vec<(String, Node)>),
    List(Vec<Node>),
    Text(String),
    /// A number or a word, as it is written.
    Literal(String),
}

/// An object or a list; nothing for what is no JSON.
pub(super) fn parse(body: &[u8]) -> Option<Node> {
    let raw: &RawValue = serde_json::from_slice(body).ok()?;
    node(raw, 0).filter(|node| matches!(node, Node::Object(_) | Node::List(_)))
}

fn node(raw: &RawValue, depth: usize) -> Option<Node> {
    let text = raw.get();
    if depth > DEPTH_MAX {
        return None;
    }
    Some(match text.as_bytes().first()? {
        b'{' => {
            let Members(members) = serde_json::from_str(text).ok()?;
            let members = members.into_iter();
            let each = members.map(|(key, value)| Some((key, node(value, depth + 1)?)));
            Node::Object(each.collect::<Option<_>>()?)
        }
        b'[' => {
            let items: Vec<&RawValue> = serde_json::from_str(text).ok()?;
            Node::List(items.into_iter().map(|item| node(item, depth + 1)).collect::<Option<_>>()?)
        }
        b'"' => Node::Text(serde_json::from_str(text).ok()?),
        _ => Node::Literal(text.to_owned()),
    })
}

/// An object's members in their order.
struct Members<'a>(Vec<(String, &'a RawValue)>);

struct InOrder;

impl<'de> Deserialize<'de> for Members<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(InOrder)
    }
}

impl<'de> Visitor<'de> for InOrder {
    type Value = Members<'de>;

    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Members<'de>, A::Error> {
        let mut members = vec![];
        while let Some(entry) = entries.next_entry()? {
            members.push(entry);
        }
        Ok(Members(members))
    }
}
