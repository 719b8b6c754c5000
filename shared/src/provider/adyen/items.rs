//! A standard webhook's items, and the text that is signed of each.

use std::collections::BTreeSet;

use crate::provider::json::Json;

/// Items of one batch. Adyen sends one, and may send several.
pub(super) const ITEMS_MAX: usize = 100;

/// The items of a batch; nothing for a body that is none.
pub(super) fn items(body: &Json) -> Result<Option<Vec<&Json>>, &'static str> {
    let list = match body.at(&["notificationItems"]) {
        Json::Null => return Ok(None),
        Json::List(list) => list,
        _ => return Err("`notificationItems` is no list"),
    };
    if list.is_empty() || list.len() > ITEMS_MAX {
        return Err("a batch without items, or with too many");
    }
    let item = |entry: &'_ Json| match entry.at(&["NotificationRequestItem"]) {
        Json::Object(_) => Ok(()),
        _ => Err("an entry without `NotificationRequestItem`"),
    };
    list.iter().try_for_each(item)?;
    Ok(Some(list.iter().map(|entry| entry.at(&["NotificationRequestItem"])).collect()))
}

/// The batch without these items: nothing of them is left, and the others keep their places. Nothing:
/// the body is no batch.
pub(super) fn without(body: &[u8], places: &BTreeSet<usize>) -> Option<Vec<u8>> {
    let mut batch: serde_json::Value = serde_json::from_slice(body).ok()?;
    let list = batch.get_mut("notificationItems")?.as_array_mut()?;
    for place in places {
        *list.get_mut(*place)? = serde_json::json!({ "redacted": true });
    }
    serde_json::to_vec(&batch).ok()
}

/// The eight fields that an item's signature covers. All else in an item is only claimed.
#[derive(Debug)]
pub(super) struct Signed<'a> {
    pub(super) psp_reference: &'a str,
    pub(super) original_reference: &'a str,
    pub(super) merchant_account: &'a str,
    pub(super) merchant_reference: &'a str,
    /// In Adyen's own minor unit.
    pub(super) value: Option<i64>,
    pub(super) currency: &'a str,
    pub(super) event_code: &'a str,
    pub(super) success: &'a str,
}

impl<'a> Signed<'a> {
    /// Takes the fields as JSON decodes them; a missing one is an empty text.
    pub(super) fn of(item: &'a Json) -> Result<Self, &'static str> {
        let success = text(item, &["success"])?;
        if success != "true" && success != "false" {
            return Err("`success` is no text of true or false");
        }
        let value = match item.at(&["amount", "value"]) {
            Json::Null => None,
            Json::Integer(value) => Some(*value),
            _ => return Err("`amount.value` is no whole number"),
        };
        Ok(Self {
            psp_reference: text(item, &["pspReference"])?,
            original_reference: text(item, &["originalReference"])?,
            merchant_account: text(item, &["merchantAccountCode"])?,
            merchant_reference: text(item, &["merchantReference"])?,
            value,
            currency: text(item, &["amount", "currency"])?,
            event_code: text(item, &["eventCode"])?,
            success,
        })
    }

    /// Joined with `:`, and nothing escaped.
    pub(super) fn text(&self) -> Vec<u8> {
        let value = self.value.map(|value| value.to_string()).unwrap_or_default();
        let fields = [
            self.psp_reference,
            self.original_reference,
            self.merchant_account,
            self.merchant_reference,
            &value,
            self.currency,
            self.event_code,
            self.success,
        ];
        fields.join(":").into_bytes()
    }

    /// A shop may word its reference as it likes, `:` included. As long as no other field holds one,
    /// three fields stand before it and four behind it, so that the signed text has one reading.
    pub(super) fn reads_two_ways(&self) -> bool {
        let others = [
            self.psp_reference,
            self.original_reference,
            self.merchant_account,
            self.currency,
            self.event_code,
        ];
        others.iter().any(|field| field.contains(':'))
    }

    /// The payment's own number: what changes a payment names it as its original.
    pub(super) fn transaction(&self) -> &'a str {
        if self.original_reference.is_empty() {
            self.psp_reference
        } else {
            self.original_reference
        }
    }
}

fn text<'a>(item: &'a Json, path: &[&str]) -> Result<&'a str, &'static str> {
    match item.at(path) {
        Json::Null => Ok(""),
        Json::Text(text) => Ok(text),
        _ => Err("a signed field is no text"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_item_goes_and_the_others_keep_their_places() {
        let batch = br#"{"live":"true","notificationItems":[{"NotificationRequestItem":{"a":"mine"}},{"NotificationRequestItem":{"a":"other"}}]}"#;
        let left = without(batch, &BTreeSet::from([0])).unwrap();
        let left = String::from_utf8(left).unwrap();
        assert!(!left.contains("mine") && left.contains("other"), "{left}");
        let again = without(left.as_bytes(), &BTreeSet::from([0, 1])).unwrap();
        assert!(!String::from_utf8(again).unwrap().contains("other"), "the places still fit");
    }

    #[test]
    fn what_is_no_batch_or_has_no_such_item_is_not_redacted() {
        for body in [&b"{}"[..], b"x", br#"{"notificationItems":[{}]}"#] {
            assert_eq!(without(body, &BTreeSet::from([1])), None);
        }
    }
}
