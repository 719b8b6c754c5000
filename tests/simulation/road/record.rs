//! What went by at the broker: whatever the ledger says is held against it.

use std::collections::BTreeMap;

use shared::broker::Route;
use shared::message::dead::replay_item;
use shared::message::parcel::Parcel;
use shared::message::{fence, statement};
use uuid::Uuid;

#[derive(Debug, Clone, Default)]
pub(crate) struct Record {
    /// Each message of an ingress as it first came, by its id.
    pub(crate) accepted: BTreeMap<String, Parcel>,
    /// The ingresses' statements, likewise.
    pub(crate) stated: BTreeMap<String, Parcel>,
    /// Of these some bytes were others when they came by again.
    pub(crate) altered: Vec<String>,
    /// Taken out of a queue by nobody of ours.
    pub(crate) stolen: Vec<String>,
    /// How often somebody began to publish each item of a replay.
    pub(crate) replays: BTreeMap<Uuid, i64>,
    /// What a subscriber's queue holds.
    pub(crate) heard: Vec<Parcel>,
}

impl Record {
    /// Somebody begins to publish it; what becomes of that is another matter.
    pub(super) fn begun(&mut self, route: &Route, parcel: &Parcel) {
        if let (Route::Notifications { .. }, Some(item)) = (route, replay_item(parcel)) {
            *self.replays.entry(item).or_default() += 1;
        }
    }

    pub(super) fn held(&mut self, route: &Route, parcel: &Parcel) {
        match route {
            Route::Fulfilment { .. } => return,
            Route::Notifications { .. } | Route::Retry { .. } | Route::Dead => (),
        }
        let known = match parcel.kind.as_str() {
            fence::KIND => return,
            statement::KIND => &mut self.stated,
            _ => &mut self.accepted,
        };
        let first = known.entry(parcel.id.clone()).or_insert_with(|| parcel.clone());
        if (&first.body, first.kind.as_str()) != (&parcel.body, parcel.kind.as_str()) {
            self.altered.push(parcel.id.clone());
        }
    }
}
