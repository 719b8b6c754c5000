//! One connection: every call of the port, handed on.

use time::OffsetDateTime;
use uuid::Uuid;
use worker::ledger::bodies::{NotificationFilter, NotificationRecord, StoredMessage, Tended};
use worker::ledger::custody::{Custody, LaneBeat, LaneCount, LoneTry, Suspects};
use worker::ledger::dead_letters::group::{GroupAct, GroupRecord, GroupStatus};
use worker::ledger::dead_letters::letter::Letter;
use worker::ledger::dead_letters::{
    Burial, DeadLetters, GroupActed, LetterAct, LetterFile, LetterFilter, LetterRecord,
};
use worker::ledger::erasure::{Erasure, Ruling};
use worker::ledger::keys::KeyUse;
use worker::ledger::privacy::Privacy;
use worker::ledger::records::{
    Act, Balance, Cancelled, CaseAct, CaseActed, CaseFile, CaseFilter, CaseRecord, EventRecord,
    Imported, NewOrder, NewSubscription, OrderFilter, OrderRecord, OrderSummary,
    SubscriptionFilter, SubscriptionRecord, Trail, Unsent,
};
use worker::ledger::replays::course::Look;
use worker::ledger::replays::{
    Course, ItemRecord, JobRecord, Outcome, PlannedItem, Replays, Started, Steer, Steered,
    StoredLetter,
};
use worker::ledger::{Beat, Bucket, Duty, LedgerError, Session, Swept, Work};

use super::Way;
use crate::sky::Broken;

pub(crate) struct WireSession<S> {
    pub(super) session: S,
    pub(super) way: Way,
}

/// Hands calls on; `now`, first or last, becomes the run's own time.
macro_rules! crossing {
    () => {};
    (fn $name:ident(now $(, $arg:ident: $type:ty)*) -> $answer:ty; $($rest:tt)*) => {
        async fn $name(
            &mut self, _: OffsetDateTime $(, $arg: $type)*
        ) -> Result<$answer, LedgerError> {
            let now = self.way.clock.now();
            self.way.cross(stringify!($name), self.session.$name(now $(, $arg)*)).await
        }
        crossing! { $($rest)* }
    };
    (fn $name:ident($($arg:ident: $type:ty),+; now) -> $answer:ty; $($rest:tt)*) => {
        async fn $name(
            &mut self $(, $arg: $type)*, _: OffsetDateTime
        ) -> Result<$answer, LedgerError> {
            let now = self.way.clock.now();
            self.way.cross(stringify!($name), self.session.$name($($arg,)* now)).await
        }
        crossing! { $($rest)* }
    };
    (fn $name:ident($($arg:ident: $type:ty),*) -> $answer:ty; $($rest:tt)*) => {
        async fn $name(&mut self $(, $arg: $type)*) -> Result<$answer, LedgerError> {
            self.way.cross(stringify!($name), self.session.$name($($arg),*)).await
        }
        crossing! { $($rest)* }
    };
}

impl<S: Session> Session for WireSession<S> {
    async fn settle(
        &mut self,
        batch: &[Work],
        now: OffsetDateTime,
    ) -> Result<Vec<Bucket>, LedgerError> {
        let fate = self.way.fate.clone();
        if fate.sky.broken == Broken::AnswersUnwritten && fate.befalls(50) {
            return Ok(vec![Bucket::Settled; batch.len()]);
        }
        if fate.befalls(fate.sky.weather.ledger / 8) {
            // As a rule of the schema would, that somebody added and will take away.
            fate.note("Refused at settle");
            return Err(LedgerError::Refused("simulated".to_owned()));
        }
        self.way.cross("settle", self.session.settle(batch, now)).await
    }

    /// The run's own time, which the workers go by.
    async fn now(&mut self) -> Result<OffsetDateTime, LedgerError> {
        let now = self.way.clock.now();
        self.way.cross("now", async { Ok(now) }).await
    }

    crossing! {
        fn sweep(now, limit: i64) -> Swept;
        fn unsent(skipped: i64, limit: i64) -> Vec<Unsent>;
        fn mark_sent(sent: &[Unsent]) -> ();
        fn beat(duty: Duty, holder: Uuid, stale: Option<i64>) -> Beat;
        fn release(holder: Uuid) -> ();
        fn import(orders: &[NewOrder]; now) -> Vec<Imported>;
        fn cancel(order_no: &str, reason: &str, actor: &str; now) -> Cancelled;
        fn subscribe(subscriptions: &[NewSubscription]; now) -> Vec<Imported>;
        fn subscriptions(filter: &SubscriptionFilter) -> Vec<SubscriptionRecord>;
        fn order(number: &str) -> Option<OrderRecord>;
        fn trail(number: &str) -> Option<Trail>;
        fn orders(filter: &OrderFilter) -> Vec<OrderSummary>;
        fn cases(filter: &CaseFilter) -> Vec<CaseRecord>;
        fn case(id: Uuid) -> Option<CaseRecord>;
        fn case_file(id: Uuid) -> Option<CaseFile>;
        fn act_on_case(id: Uuid, act: &CaseAct, by: &Act; now) -> CaseActed;
        fn events(after: i64, limit: i64) -> Vec<EventRecord>;
        fn keys() -> Vec<KeyUse>;
        fn note(act: &Act; now) -> ();
        fn balance() -> Balance;
    }
}

impl<S: Session> Custody for WireSession<S> {
    crossing! {
        fn lane_beat(beat: LaneBeat; now) -> ();
        fn lanes(now) -> Vec<LaneCount>;
        fn suspects(now, limit: i64) -> Suspects;
        fn passed(fence: Uuid) -> Vec<u16>;
        fn convict(suspects: &Suspects; now) -> usize;
        fn compact(now, limit: i64) -> usize;
        fn try_alone(lone: &LoneTry; now) -> u32;
        fn end_try(message: &str) -> ();
    }
}

impl<S: Session> DeadLetters for WireSession<S> {
    crossing! {
        fn bury(letters: &[Letter]; now) -> Vec<Burial>;
        fn open_letters() -> i64;
        fn letters(filter: &LetterFilter) -> Vec<LetterRecord>;
        fn letter(id: Uuid) -> Option<LetterFile>;
        fn groups(status: Option<GroupStatus>) -> Vec<GroupRecord>;
        fn act_on_group(id: Uuid, act: &GroupAct, by: &Act; now) -> GroupActed;
        fn act_on_letters(ids: &[Uuid], act: LetterAct, by: &Act; now) -> Vec<Uuid>;
    }
}

impl<S: Session> Privacy for WireSession<S> {
    crossing! {
        fn tend(now, limit: i64) -> Tended;
        fn notifications(filter: &NotificationFilter) -> Vec<NotificationRecord>;
        fn notification(message: Uuid) -> Option<StoredMessage>;
        fn erase(erasure: &Erasure; now) -> Option<Ruling>;
    }
}

impl<S: Session> Replays for WireSession<S> {
    crossing! {
        fn stored_letters(letters: &[Uuid]) -> Vec<StoredLetter>;
        fn rehearse(batch: &[Work]; now) -> Vec<Bucket>;
        fn plan(what: (Uuid, &str), items: &[PlannedItem], by: &Act; now) -> ();
        fn start(id: Uuid, course: &Course, by: &Act; now) -> Started;
        fn jobs(limit: i64) -> Vec<JobRecord>;
        fn job(id: Uuid) -> Option<JobRecord>;
        fn items(job: Uuid, outcome: Option<Outcome>, limit: i64) -> Vec<ItemRecord>;
        fn steer(id: Uuid, steer: Steer, by: &Act; now) -> Steered;
        fn running() -> Option<Look>;
        fn claim(job: Uuid, holder: Uuid, limit: i64) -> Vec<(Uuid, StoredLetter)>;
        fn published(holder: Uuid, confirmed: &[Uuid], back: &[Uuid]) -> ();
        fn skip(holder: Uuid, items: &[Uuid]; now) -> ();
        fn finish(job: Uuid, holder: Uuid, halted: Option<&str>; now) -> ();
    }
}
