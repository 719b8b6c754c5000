//! What holds of every history of a subscription, however it comes.

use std::collections::BTreeSet;

use proptest::prelude::*;
use shared::notification::Revival;
use time::Duration;

use super::scene::Says::{Charged, Dearer, Ended, Failed, Refunded, Signed, SignedUntil};
use super::scene::{Ledger, NOW, Says, terms};

fn says() -> impl Strategy<Value = Says> {
    let transactions = prop::sample::select(vec![("T1", 0), ("T2", 20), ("T3", 28), ("T4", 90)]);
    prop_oneof![
        (0..4_i64).prop_map(Signed),
        (0..4_i64, 30..200_i64).prop_map(|(at, until)| SignedUntil(at, until)),
        (0..100_i64).prop_map(Ended),
        (0..100_i64).prop_map(Failed),
        transactions.clone().prop_map(|(name, at)| Charged(name, at)),
        transactions.prop_map(|(name, at)| Refunded(name, at)),
        Just(Dearer("T9", 50)),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn the_end_is_the_same_in_any_order_repeated_and_whenever_the_shop_writes(
        (said, shuffled) in prop::collection::vec(says(), 1..9).prop_flat_map(|said| {
            let twice = [said.clone(), said.clone()].concat();
            (Just(said), Just(twice).prop_shuffle())
        }),
        written in 0..18_usize,
        forever in any::<bool>(),
    ) {
        let revival = if forever { Revival::Never } else { Revival::ByLaterTime };
        let mut listed = Ledger::subscribed(terms());
        said.iter().for_each(|one| listed.tell(*one, revival));
        listed.sweep(NOW + Duration::days(1));
        let mut came = Ledger::default();
        for (at, one) in shuffled.iter().enumerate() {
            if at == written {
                came.subscribe(terms());
            }
            came.tell(*one, revival);
        }
        if written >= shuffled.len() {
            came.subscribe(terms());
        }
        came.sweep(NOW + Duration::days(1));
        prop_assert_eq!(listed.standing(), came.standing());
        let cases = |ledger: &Ledger| -> BTreeSet<_> {
            ledger.books.states.values().flat_map(|state| state.cases.keys().cloned()).collect()
        };
        prop_assert_eq!(cases(&listed), cases(&came));
        periods_are_sound(&came)?;
    }
}

/// One period a charge, none overlaps another, each was announced as renewed.
fn periods_are_sound(ledger: &Ledger) -> Result<(), TestCaseError> {
    let mut covers: Vec<_> = ledger.standing().covers.values().collect();
    covers.sort();
    for pair in covers.windows(2) {
        prop_assert!(pair[0].until <= pair[1].from);
    }
    let mut standing = BTreeSet::new();
    for told in &ledger.told {
        let Some(snapshot) = &told.snapshot.subscription else { continue };
        match (told.kind.routing_key(), &snapshot.transaction) {
            ("subscription.renewed.v1", Some(charge)) => prop_assert!(standing.insert(charge)),
            ("subscription.refunded.v1", Some(charge)) => prop_assert!(standing.remove(charge)),
            (_, charge) => prop_assert_eq!(charge, &None),
        }
    }
    let covered: BTreeSet<_> =
        ledger.standing().covers.keys().map(|key| &key.transaction).collect();
    prop_assert_eq!(standing, covered);
    Ok(())
}
