//! A few sessions that all requests share: opened when first needed, lent to one request at a time.
//!
//! **Invariant**: one that failed, or whose request was given up, is not lent again: nobody knows where
//! its transaction stands.

use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::Semaphore;
use worker::ledger::{Ledger, LedgerError};

/// Sessions at once. Requests beyond wait their turn, within the limit of their answer.
const SESSIONS_MAX: usize = 8;

pub(super) struct Sessions<L: Ledger> {
    shared: Arc<Shared<L>>,
}

struct Shared<L: Ledger> {
    ledger: L,
    places: Semaphore,
    idle: Mutex<Vec<L::Session>>,
}

impl<L: Ledger> Clone for Sessions<L> {
    fn clone(&self) -> Self {
        Self { shared: Arc::clone(&self.shared) }
    }
}

impl<L: Ledger> Sessions<L> {
    pub(super) fn new(ledger: L) -> Self {
        let (places, idle) = (Semaphore::new(SESSIONS_MAX), Mutex::default());
        Self { shared: Arc::new(Shared { ledger, places, idle }) }
    }

    /// Asks one session, and puts it back once it answered.
    pub(super) async fn ask<T>(
        &self,
        question: impl AsyncFnOnce(&mut L::Session) -> Result<T, LedgerError>,
    ) -> Result<T, LedgerError> {
        let Shared { ledger, places, idle } = &*self.shared;
        let gone = |_| LedgerError::Unreachable("the console is closing".to_owned());
        let _place = places.acquire().await.map_err(gone)?;
        let kept = idle.lock().unwrap_or_else(PoisonError::into_inner).pop();
        let mut session = match kept {
            Some(session) => session,
            None => ledger.open().await?,
        };
        let answer = question(&mut session).await?;
        idle.lock().unwrap_or_else(PoisonError::into_inner).push(session);
        Ok(answer)
    }
}
