//! Which time each charge pays for.
//!
//! **Invariant**: periods never overlap, and each charge that stands has one. They follow from the charges
//! sorted by their time, so it does not matter which was heard of first.

use std::collections::BTreeMap;

use jiff::Span;
use jiff::tz::TimeZone;
use time::OffsetDateTime;

use super::calendar::{Grid, period};
use super::{Charge, Cover, PaymentKey};

/// From when, how far and where periods are counted.
pub(super) struct Measure {
    pub(super) anchor: Option<OffsetDateTime>,
    pub(super) period: Span,
    pub(super) zone: TimeZone,
}

/// Folds the charges that stand. A late one fills the period after the last, or the one that holds it if that
/// is later still; an early one pays ahead. Nothing: there are too many to count.
pub(super) fn covers<'a>(
    measure: &Measure,
    charges: impl Iterator<Item = (&'a PaymentKey, &'a Charge)>,
) -> Option<BTreeMap<PaymentKey, Cover>> {
    let mut charges: Vec<_> = charges.collect();
    charges.sort_by_key(|(key, charge)| (charge.occurred_at, *key));
    let mut covers = BTreeMap::new();
    // The first charge sets the day even after it was refunded, so that a refund moves no other period.
    let Some(anchor) = measure.anchor.or(charges.first().map(|(_, charge)| charge.occurred_at))
    else {
        return Some(covers);
    };
    let mut grid = Grid { anchor, period: measure.period, zone: measure.zone.clone() };
    let mut next = 0;
    for (key, charge) in charges.into_iter().filter(|(_, charge)| charge.stands) {
        let own = charge.period.as_deref().and_then(|text| period(text).ok());
        let span = own.unwrap_or(measure.period);
        if span.fieldwise() != grid.period.fieldwise() {
            // Another length: it is counted from where the one before would go on.
            let begins = grid.boundary(next.max(grid.number_of(charge.occurred_at)?))?;
            grid = Grid { anchor: begins, period: span, ..grid };
            next = 0;
        }
        let number = next.max(grid.number_of(charge.occurred_at)?);
        next = number + 1;
        let cover = Cover { from: grid.boundary(number)?, until: grid.boundary(next)? };
        covers.insert(key.clone(), cover);
    }
    Some(covers)
}
