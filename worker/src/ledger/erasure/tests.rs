//! What lies under a tombstone, what it is handed on to, and what is left of a body.

use std::collections::{BTreeMap, BTreeSet};

use uuid::Uuid;

use super::*;
use crate::ledger::dead_letters::LetterState;

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
fn what_cannot_be_taken_apart_is_not_cut() {
    assert_eq!(fate("adyen", b"x", 2, &[0].into()), Fate::Uncut);
    assert_eq!(fate("wechat_pay", b"{}", 2, &[0].into()), Fate::Uncut);
    assert_eq!(fate("gone", BATCH, 2, &[0].into()), Fate::Uncut);
}

fn request(provider: &str, letter: Option<LetterState>) -> Request {
    let parts = vec![part(Some("A"), None), part(Some("B"), None)];
    Request { provider: provider.to_owned(), parts, letter }
}

fn erasure(is_noted: bool, allowed: Allowed) -> Erasure {
    let act = Act {
        actor: "ana".into(),
        action: "privacy.erase".into(),
        subject: String::new(),
        reason: "asked".into(),
    };
    Erasure { subject: Subject::Order("A".into()), allowed, act: is_noted.then_some(act) }
}

#[test]
fn a_shared_body_that_cannot_be_cut_is_named_and_goes_only_when_asked() {
    let [unopened, uncut, letter] = [1, 2, 3].map(Uuid::from_u128);
    let judged = |is_noted, allowed| {
        let mut fates = Fates::default();
        let tombstones = [order_hash("A")].into();
        fates.add((unopened, &request("adyen", None)), &tombstones, || None);
        fates.add((uncut, &request("wechat_pay", None)), &tombstones, || Some(b"{}".to_vec()));
        let ended = request("adyen", Some(LetterState::Resolved));
        fates.add((letter, &ended), &tombstones, || None);
        (fates.conclude(&erasure(is_noted, allowed)), fates)
    };
    let shared = Shared { notifications: vec![unopened, uncut], letters: vec![letter] };
    let (why, told) = judged(false, Allowed::default());
    assert_eq!((why, &told.shared, told.gone.len()), (None, &shared, 0));
    let why = judged(true, Allowed::default()).0.unwrap();
    let ids = [unopened, uncut, letter].map(|id| id.to_string());
    for word in ids.iter().map(String::as_str).chain(["keys_file", "--destroy-shared"]) {
        assert!(why.contains(word), "{word}: {why}");
    }
    let (why, whole) = judged(true, Allowed { shared: true, ..Allowed::default() });
    assert_eq!((why, whole.gone), (None, vec![unopened, uncut, letter]));
}

#[test]
fn a_letter_that_is_not_ended_is_in_the_way() {
    let [open, replaying, resolved, discarded] = [1, 2, 3, 4].map(Uuid::from_u128);
    let states = [
        (open, LetterState::Open),
        (replaying, LetterState::Replaying),
        (resolved, LetterState::Resolved),
        (discarded, LetterState::Discarded),
    ];
    let judged = |allowed| {
        let mut fates = Fates::default();
        for (id, state) in states {
            let request = request("adyen", Some(state));
            fates.add((id, &request), &[order_hash("A")].into(), || Some(BATCH.to_vec()));
            fates.add((id, &request), &[order_hash("C")].into(), || None);
        }
        (fates.conclude(&erasure(true, allowed)), fates)
    };
    let (why, fates) = judged(Allowed::default());
    assert_eq!(fates.open_letters, [open, replaying], "also where a part is cut out");
    let why = why.unwrap();
    for word in [&*open.to_string(), &replaying.to_string(), "--destroy-open-letters"] {
        assert!(why.contains(word), "{word}: {why}");
    }
    assert!(!why.contains(&resolved.to_string()), "{why}");
    assert_eq!(judged(Allowed { open_letters: true, ..Allowed::default() }).0, None);
}

#[test]
fn a_letter_that_ends_loses_what_was_erased() {
    let id = Uuid::from_u128(1);
    let ended = |provider, opened: Option<&[u8]>| {
        let mut fates = Fates::default();
        let request = request(provider, Some(LetterState::Resolved));
        fates.end((id, &request), &[order_hash("A")].into(), || opened.map(<[u8]>::to_vec));
        (fates.gone.len(), fates.redacted.len())
    };
    assert_eq!(ended("adyen", Some(BATCH)), (0, 1));
    assert_eq!(ended("wechat_pay", Some(b"{}")), (1, 0), "nobody is there to ask");
    assert_eq!(ended("adyen", None), (0, 0), "who erases once more is asked");
}
