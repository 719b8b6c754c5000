//! What a dead letter is about, as far as it can be read without ending whoever reads it.
//!
//! **Invariant**: a message that crashed its readers is not read here: the dead letters have no limit of
//! deliveries, so it would end every morgue, and each worker with it.

use shared::broker::Delivery;
use shared::crash;
use shared::message::{Message, dead};
use shared::money::Money;
use shared::notification::{AgreementChange, Fact, Notification};
use shared::provider::{Genuine, Provider, Readers};

use crate::ledger::erasure::Part;

/// A letter that came back so often may have ended its morgues; once is what every shutdown leaves.
const RETURNS_MAX: u32 = 2;

/// Did readers vanish with it in hand, a lane's or the morgue's own?
pub(super) fn may_crash(delivery: &Delivery) -> bool {
    delivery.returns >= RETURNS_MAX
        || dead::claims(&delivery.parcel).stage == Some(dead::CRASH_STAGE)
}

/// As far as it can be read: whoever buried it may have found that it cannot.
pub(super) fn read(message: &Message, readers: &Readers) -> Vec<Notification> {
    crash::reading(&message.body);
    let Some(provider) = Provider::from_word(&message.kind) else { return vec![] };
    let Some(reader) = readers.of(&message.account, provider) else { return vec![] };
    let (http, received_at, body) = (&message.http, message.received_at, &message.body);
    reader.read(&Genuine { http, received_at, body }).unwrap_or_default()
}

pub(super) fn parts(account: &str, notifications: &[Notification]) -> Vec<Part> {
    notifications.iter().map(|told| Part::of(account, told.fact.as_ref())).collect()
}

pub(super) fn money(notification: &Notification) -> Option<Money> {
    match notification.fact.as_ref()? {
        Fact::Payment(fact) => Some(fact.amount),
        Fact::Refund(fact) => Some(fact.amount),
        Fact::Dispute(fact) => Some(fact.amount),
        Fact::Agreement(fact) => match &fact.change {
            AgreementChange::ChargeFailed { amount, .. } => *amount,
            AgreementChange::Signed { .. } | AgreementChange::Ended => None,
        },
    }
}

#[cfg(test)]
mod tests {
    use shared::message::dead::{Verdict, buried};
    use shared::message::parcel::Parcel;
    use time::OffsetDateTime;

    use super::*;

    #[test]
    fn what_crashed_its_readers_is_not_read_again() {
        let after = |stage, returns| {
            let verdict = Verdict { stage, code: "code", cause: "cause", worker: "1.2.3" };
            let parcel = buried(&Parcel::default(), verdict, OffsetDateTime::UNIX_EPOCH);
            may_crash(&Delivery { tag: 1, returns, parcel })
        };
        assert!(after("crash", 0), "a lane's readers");
        assert!(after("read", 2), "a morgue's");
        assert!(!after("read", 0) && !after("read", 1));
    }
}
