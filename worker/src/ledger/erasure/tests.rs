//! What lies under a tombstone, what it is handed on to, and what is left of a body.

use std::collections::{BTreeMap, BTreeSet};

use uuid::Uuid;

use super::*;

const BATCH: &[u8] = br#"{"notificationItems":[{"a":"mine"},{"b":"other"}]}"#;

fn part(order: Option<&str>, transaction: Option<&str>) -> Part {
    let owned = |text: Option<&str>| text.map(ToOwned::to_owned);
    Part {
        account: "shop".to_owned(),
        order_number: owned(order),
        transaction: owned(transaction),
        ..Part::default()
    }
}

fn under(agreement: &str, part: Part) -> Part {
    Part { agreement: Some(agreement.to_owned()), ..part }
}

#[test]
fn a_part_lies_under_whatever_it_names() {
    let signed = Part { subscription_no: Some("S".into()), ..part(None, None) };
    let parts = [
        part(Some("A"), None),
        part(None, Some("T")),
        under("G", part(None, None)),
        signed,
        part(Some("B"), Some("U")),
    ];
    for (tombstone, place) in [
        (order_hash("A"), 0),
        (transaction_hash("shop", "T"), 1),
        (agreement_hash("shop", "G"), 2),
        (subscription_hash("S"), 3),
    ] {
        assert_eq!(erased(&parts, &[tombstone].into()), BTreeSet::from([place]));
    }
    for others in [transaction_hash("other", "T"), agreement_hash("other", "G"), order_hash("S")] {
        assert_eq!(erased(&parts, &[others].into()), BTreeSet::new());
    }
    assert_ne!(transaction_hash("a", "bc"), transaction_hash("ab", "c"));
    assert_ne!(order_hash("A"), transaction_hash("", "A"));
    assert_ne!(agreement_hash("a", "b"), transaction_hash("a", "b"));
}

#[test]
fn a_tombstone_has_the_hash_that_it_had_in_every_version() {
    let hex =
        |hash: Hash| hash.iter().take(4).map(|byte| format!("{byte:02x}")).collect::<String>();
    let hashes = [order_hash("A-1"), transaction_hash("shop", "T1")].map(hex);
    assert_eq!(hashes, ["e93b6bd1", "d07c9264"]);
}

#[test]
fn a_tombstone_is_handed_on_to_what_is_known_later() {
    let spread_over = |parts: &[Part], tombstone: Hash| {
        let mut tombstones = BTreeSet::from([tombstone]);
        let parts: Vec<&Part> = parts.iter().collect();
        let new = spread(&parts, &mut tombstones);
        assert!(new.keys().all(|hash| tombstones.contains(hash)));
        new
    };
    // A later charge comes before the signing that says whose it is.
    let signed = Part { subscription_no: Some("S".into()), ..under("G", part(None, None)) };
    let parts = [under("G", part(Some("N"), Some("T"))), signed, part(None, Some("U"))];
    let heirs = BTreeMap::from([
        (agreement_hash("shop", "G"), Kind::Agreement),
        (transaction_hash("shop", "T"), Kind::Transaction),
    ]);
    assert_eq!(spread_over(&parts, subscription_hash("S")), heirs);
    // An erased order takes no agreement with it.
    let heirs = BTreeMap::from([(transaction_hash("shop", "T"), Kind::Transaction)]);
    assert_eq!(spread_over(&parts, order_hash("N")), heirs);
    assert_eq!(spread_over(&parts, order_hash("none")), BTreeMap::new());
    assert_eq!(spread(&[&parts[0]], &mut BTreeSet::new()), BTreeMap::new());
}

#[test]
fn a_batch_keeps_what_is_about_others() {
    let Fate::Redact(left) = fate("adyen", BATCH, 2, &[0].into()) else { panic!("redacted") };
    let left = String::from_utf8(left).unwrap();
    assert!(!left.contains("mine") && left.contains("other"));
    assert_eq!(fate("adyen", BATCH, 2, &[0, 1].into()), Fate::Destroy);
    assert_eq!(fate("adyen", BATCH, 2, &BTreeSet::new()), Fate::Keep);
}

#[test]
fn what_cannot_be_taken_apart_goes_whole() {
    assert_eq!(fate("adyen", b"x", 2, &[0].into()), Fate::Destroy);
    assert_eq!(fate("wechat_pay", b"{}", 2, &[0].into()), Fate::Destroy);
    assert_eq!(fate("gone", BATCH, 2, &[0].into()), Fate::Destroy);
}

#[test]
fn a_shared_body_that_does_not_open_is_named_and_goes_only_when_asked() {
    let request = |is_letter| Request {
        provider: "adyen".into(),
        parts: vec![part(Some("A"), None), part(Some("B"), None)],
        is_letter,
    };
    let (message, letter) = (Uuid::from_u128(1), Uuid::from_u128(2));
    let act = Act {
        actor: "ana".into(),
        action: "privacy.erase".into(),
        subject: String::new(),
        reason: "asked".into(),
    };
    let judged = |act: Option<Act>, if_closed| {
        let mut fates = Fates::default();
        for (id, is_letter) in [(message, false), (letter, true)] {
            fates.add((id, &request(is_letter)), &[order_hash("A")].into(), || None);
        }
        let erasure = Erasure { subject: Subject::Order("A".into()), if_closed, act };
        fates.conclude(&erasure).map(|()| fates)
    };
    let closed = Closed { notifications: vec![message], letters: vec![letter] };
    let told = judged(None, IfClosed::Refuse).unwrap();
    assert_eq!((&told.closed, told.gone.len()), (&closed, 0));
    let refused = judged(Some(act.clone()), IfClosed::Refuse).unwrap_err().to_string();
    for word in [&*message.to_string(), &letter.to_string(), "keys_file", "--destroy-unopenable"] {
        assert!(refused.contains(word), "{word}: {refused}");
    }
    assert_eq!(judged(Some(act), IfClosed::Destroy).unwrap().gone, [message, letter]);
}
