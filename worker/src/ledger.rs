//! The ledger: the port to the database. PostgreSQL stands behind it in [`postgres`]; the embedded
//! engine has its own.
//!
//! **Invariant**: a notification's effects, its record, its receipt and its events change in one
//! transaction, or none does. SQL stands in this folder (and the embedded one's) only.

use std::future::Future;

use shared::message::Number;
use shared::message::fence::Fence;
use shared::message::statement::Statement;
use shared::secret::bodies::Bodies;
use time::OffsetDateTime;
use uuid::Uuid;

use crate::decide::fold::{Changes, Reading};

mod bucket;
pub mod resting;
pub mod records;
pub mod bodies;
pub mod erasure;
pub mod privacy;
pub mod custody;
pub mod keys;
pub mod contracts;
pub mod dead_letters;
pub mod replays;
pub mod postgres;

pub use self::bucket::Bucket;
use self::custody::Custody;
use self::dead_letters::DeadLetters;
use self::keys::KeyUse;
use self::privacy::Privacy;
use self::records::{
    Act, Balance, Cancelled, CaseAct, CaseActed, CaseFile, CaseFilter, CaseRecord, EventRecord,
    Imported, NewOrder, NewSubscription, OrderFilter, OrderRecord, OrderSummary,
    SubscriptionFilter, SubscriptionRecord, Trail, Unsent,
};
use self::replays::Replays;

/// One message of a batch.
#[derive(Debug, Clone)]
pub enum Work {
    Reading(Box<Reading>),
    Statement(Statement),
    Fence(Fence),
    /// It goes to a retry tier and is due back at this instant.
    Deferred {
        id: String,
        number: Option<Number>,
        due_at: OffsetDateTime,
    },
    /// It goes to the dead letters.
    Buried {
        id: String,
        number: Option<Number>,
    },
}

/// Why the ledger could not do it, and so what to do next.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum LedgerError {
    /// Another transaction was in the way: the same again may succeed.
    #[error("a conflict with another transaction: {0}")]
    Conflict(String),
    /// Stop consuming until it is back. Whether the transaction committed is not known.
    #[error("the ledger is out of reach: {0}")]
    Unreachable(String),
    /// The data breaks a rule that the schema keeps: it will break it again.
    #[error("the ledger refused the data: {0}")]
    Refused(String),
    /// Neither: a fault that time may mend.
    #[error("a fault of the ledger: {0}")]
    Fault(String),
}

/// What a sweep found to do.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Swept {
    /// Orders, or numbers without one, that were derived anew.
    pub subjects: usize,
    /// Why so many could not be: a rule of the schema refuses each, or a fault meets it alone. They are
    /// left as they are.
    pub refused: Vec<LedgerError>,
}

/// What one process at a time does, by a lease that is a row with a beat.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Duty {
    Relay,
    Replay,
}

/// Does this holder hold the beat?
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Beat {
    Held,
    /// Another holds it, at this count.
    Other(i64),
}

/// A ledger that can be reached.
pub trait Ledger: Clone + Send + Sync + 'static {
    type Session: Session;

    /// It keeps bodies in this way from now on.
    fn keeping(self, bodies: Bodies) -> Self;

    /// One connection of its own, within a limit of time.
    fn open(&self) -> impl Future<Output = Result<Self::Session, LedgerError>> + Send;

    /// Brings the schema up to date; safe when several start at once.
    fn migrate(&self) -> impl Future<Output = Result<(), LedgerError>> + Send;
}

/// One connection to the ledger.
pub trait Session: Custody + DeadLetters + Privacy + Replays + Send + 'static {
    /// The ledger's own clock. What is due is judged by it, so that a worker whose clock steps neither cuts
    /// a wait short nor prolongs it.
    fn now(&mut self) -> impl Future<Output = Result<OffsetDateTime, LedgerError>> + Send;

    /// Settles a batch in one transaction and answers each message's bucket.
    fn settle(
        &mut self,
        batch: &[Work],
        now: OffsetDateTime,
    ) -> impl Future<Output = Result<Vec<Bucket>, LedgerError>> + Send;

    /// Joins waiting payments to orders that appeared, opens cases at deadlines, and announces
    /// what the shop cancelled by SQL. At most `limit` subjects of a kind a call. When they fail together
    /// they are taken one by one, and who fails alone is left alone for a while, so that it holds nothing
    /// else up.
    fn sweep(
        &mut self,
        now: OffsetDateTime,
        limit: i64,
    ) -> impl Future<Output = Result<Swept, LedgerError>> + Send;

    /// Unsent events, at most the lowest of each subject, oldest first, without the first so many.
    fn unsent(
        &mut self,
        skipped: i64,
        limit: i64,
    ) -> impl Future<Output = Result<Vec<Unsent>, LedgerError>> + Send;

    /// The broker confirmed them: they get their positions in the log.
    fn mark_sent(
        &mut self,
        sent: &[Unsent],
    ) -> impl Future<Output = Result<(), LedgerError>> + Send;

    /// Adds one to a duty's beat if this holder holds it; takes it over when it still stands at
    /// `stale`.
    fn beat(
        &mut self,
        duty: Duty,
        holder: Uuid,
        stale: Option<i64>,
    ) -> impl Future<Output = Result<Beat, LedgerError>> + Send;

    /// Gives the beat up, so that the next holder need not wait until it is stale.
    fn release(&mut self, holder: Uuid) -> impl Future<Output = Result<(), LedgerError>> + Send;

    /// Inserts or, while nothing was paid, updates orders; one answer each.
    fn import(
        &mut self,
        orders: &[NewOrder],
        now: OffsetDateTime,
    ) -> impl Future<Output = Result<Vec<Imported>, LedgerError>> + Send;

    /// Cancels an order under its lock; refused once it is paid.
    fn cancel(
        &mut self,
        order_no: &str,
        reason: &str,
        actor: &str,
        now: OffsetDateTime,
    ) -> impl Future<Output = Result<Cancelled, LedgerError>> + Send;

    /// Inserts or, while nothing was charged, updates subscriptions; one answer each.
    fn subscribe(
        &mut self,
        subscriptions: &[NewSubscription],
        now: OffsetDateTime,
    ) -> impl Future<Output = Result<Vec<Imported>, LedgerError>> + Send;

    /// Subscriptions with everything about them, newest first.
    fn subscriptions(
        &mut self,
        filter: &SubscriptionFilter,
    ) -> impl Future<Output = Result<Vec<SubscriptionRecord>, LedgerError>> + Send;

    /// One order with everything about it, by any of its numbers.
    fn order(
        &mut self,
        number: &str,
    ) -> impl Future<Output = Result<Option<OrderRecord>, LedgerError>> + Send;

    /// One order with everything that touched it, by any of its numbers.
    fn trail(
        &mut self,
        number: &str,
    ) -> impl Future<Output = Result<Option<Trail>, LedgerError>> + Send;

    fn orders(
        &mut self,
        filter: &OrderFilter,
    ) -> impl Future<Output = Result<Vec<OrderSummary>, LedgerError>> + Send;

    fn cases(
        &mut self,
        filter: &CaseFilter,
    ) -> impl Future<Output = Result<Vec<CaseRecord>, LedgerError>> + Send;

    fn case(
        &mut self,
        id: Uuid,
    ) -> impl Future<Output = Result<Option<CaseRecord>, LedgerError>> + Send;

    /// One case with everything about it.
    fn case_file(
        &mut self,
        id: Uuid,
    ) -> impl Future<Output = Result<Option<CaseFile>, LedgerError>> + Send;

    /// What a person does about a case, noted as `by`; under the locks of what it is about.
    fn act_on_case(
        &mut self,
        id: Uuid,
        act: &CaseAct,
        by: &Act,
        now: OffsetDateTime,
    ) -> impl Future<Output = Result<CaseActed, LedgerError>> + Send;

    /// Published events behind a position, in the log's order.
    fn events(
        &mut self,
        after: i64,
        limit: i64,
    ) -> impl Future<Output = Result<Vec<EventRecord>, LedgerError>> + Send;

    /// When each key last verified something, to within [`keys::TELL_INTERVAL`].
    fn keys(&mut self) -> impl Future<Output = Result<Vec<KeyUse>, LedgerError>> + Send;

    /// Notes who did what by command, and why.
    fn note(
        &mut self,
        act: &Act,
        now: OffsetDateTime,
    ) -> impl Future<Output = Result<(), LedgerError>> + Send;

    /// Everything that was accepted, and where it stands.
    fn balance(&mut self) -> impl Future<Output = Result<Balance, LedgerError>> + Send;
}

impl Duty {
    /// Its row in `relays`.
    pub fn part(self) -> i32 {
        match self {
            Self::Relay => 0,
            Self::Replay => 1,
        }
    }
}

/// Each message's bucket, in the batch's order.
pub fn buckets(batch: &[Work], changes: &Changes) -> Vec<Bucket> {
    let mut strongest = changes.strongest().into_iter();
    batch
        .iter()
        .map(|work| match work {
            Work::Reading(_) => strongest.next().map_or(Bucket::NoOp, Bucket::from),
            Work::Statement(_) | Work::Fence(_) => Bucket::NoOp,
            Work::Deferred { .. } => Bucket::Retrying,
            Work::Buried { .. } => Bucket::Dead,
        })
        .collect()
}
