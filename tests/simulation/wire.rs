//! The wire to the ledger. The ledger behind it is the real one, on a file; the wire loses calls, or their answers,
//! and tells the run's own time.
//!
//! **Invariant**: a call runs whole in one moment of the run's time, or not at all, as a transaction does; whoever
//! dies dies before it or after it.

use std::future::Future;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, Wake, Waker};
use std::thread::{self, Thread};

use shared::secret::bodies::Bodies;
use worker::ledger::{Ledger, LedgerError};

mod session;

use self::session::WireSession;
use crate::clock::Clock;
use crate::sky::Fate;

/// One process's way to the ledger.
#[derive(Clone)]
pub(crate) struct Wire<L> {
    ledger: L,
    way: Way,
}

/// What every call crosses.
#[derive(Clone)]
struct Way {
    clock: Clock,
    fate: Fate,
    down: Arc<AtomicBool>,
    /// Of one connection: it answers nothing any more.
    is_lost: Arc<AtomicBool>,
}

/// What becomes of a call that goes wrong.
#[derive(Debug, Clone, Copy)]
enum Wrong {
    Conflict,
    Fault,
    /// It did not arrive.
    Lost,
    /// It was committed, and nobody was told.
    Unanswered,
}

impl<L: Ledger> Wire<L> {
    /// While `down` nobody reaches it.
    pub(crate) fn new(ledger: L, clock: Clock, fate: Fate, down: Arc<AtomicBool>) -> Self {
        let way = Way { clock, fate, down, is_lost: Arc::default() };
        Self { ledger, way }
    }
}

impl<L: Ledger> Ledger for Wire<L> {
    type Session = WireSession<L::Session>;

    fn keeping(self, bodies: Bodies) -> Self {
        Self { ledger: self.ledger.keeping(bodies), ..self }
    }

    async fn open(&self) -> Result<Self::Session, LedgerError> {
        let way = Way { is_lost: Arc::default(), ..self.way.clone() };
        let session = way.cross("opening", self.ledger.open()).await?;
        Ok(WireSession { session, way })
    }

    async fn migrate(&self) -> Result<(), LedgerError> {
        self.way.cross("migrating", self.ledger.migrate()).await
    }
}

impl Way {
    async fn cross<T>(
        &self,
        what: &str,
        call: impl Future<Output = Result<T, LedgerError>>,
    ) -> Result<T, LedgerError> {
        self.fate.passes(what).await;
        if self.is_lost.load(Ordering::Relaxed) || self.down.load(Ordering::Relaxed) {
            self.is_lost.store(true, Ordering::Relaxed);
            return Err(unreachable("the connection is gone"));
        }
        let Some(wrong) = self.wrong() else {
            let answer = at_once(call);
            self.fate.passes(what).await;
            return answer;
        };
        self.fate.note(&format!("{wrong:?} at {what}"));
        match wrong {
            Wrong::Conflict => Err(LedgerError::Conflict("simulated".to_owned())),
            Wrong::Fault => Err(LedgerError::Fault("simulated".to_owned())),
            Wrong::Lost => {
                self.is_lost.store(true, Ordering::Relaxed);
                Err(unreachable("the call was lost"))
            }
            Wrong::Unanswered => {
                drop(at_once(call));
                self.is_lost.store(true, Ordering::Relaxed);
                self.fate.passes(what).await;
                Err(unreachable("the answer was lost"))
            }
        }
    }

    fn wrong(&self) -> Option<Wrong> {
        let befalls = self.fate.befalls(self.fate.sky.weather.ledger);
        let of = [Wrong::Conflict, Wrong::Fault, Wrong::Lost, Wrong::Unanswered];
        befalls.then(|| self.fate.one_of(&of))
    }
}

fn unreachable(why: &str) -> LedgerError {
    LedgerError::Unreachable(why.to_owned())
}

/// The embedded ledger works on a thread of its own. Nothing else of the run may move meanwhile, or a seed would
/// not come to the same again.
fn at_once<T>(call: impl Future<Output = T>) -> T {
    let waker = Waker::from(Arc::new(Unpark(thread::current())));
    let mut context = Context::from_waker(&waker);
    let mut call = pin!(tokio::task::unconstrained(call));
    loop {
        match call.as_mut().poll(&mut context) {
            Poll::Ready(answer) => return answer,
            Poll::Pending => thread::park(),
        }
    }
}

struct Unpark(Thread);

impl Wake for Unpark {
    fn wake(self: Arc<Self>) {
        self.0.unpark();
    }
}
