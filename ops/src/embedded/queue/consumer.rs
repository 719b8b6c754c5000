//! A reader of the queue: takes what is ready, up to its prefetch, and gives back what it did not
//! acknowledge.
//!
//! **Invariant**: whatever the table says is taken stands in one reader's hand, also when a wait
//! for it was given up.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use diesel::SqliteConnection;
use diesel::connection::SimpleConnection as _;
use shared::broker::{BrokerError, Consumer, Delivery};
use shared::process;
use tokio::sync::{oneshot, watch};
use tokio::time::timeout;

use super::Reading;
use super::rows::{self, Taken};
use super::writer::{Change, Writer};
use crate::embedded::store::Store;
use crate::embedded::values::micros;

/// What another program put into the file is seen this late at most.
const LOOK_AGAIN: Duration = Duration::from_secs(1);

pub struct QueueConsumer {
    reader: Arc<Reader>,
    written: watch::Receiver<()>,
    prefetch: usize,
    /// A look that is under way; it survives a `next` that was given up.
    looking: Option<oneshot::Receiver<Found>>,
    /// Taken and not yet delivered.
    waiting: VecDeque<Taken>,
    /// Delivered and not yet acknowledged: tag and row.
    in_hand: VecDeque<(u64, i64)>,
    tag: u64,
    _reading: Reading,
}

type Found = Result<Look, BrokerError>;

/// What one look into the table found.
struct Look {
    taken: Vec<Taken>,
    /// When there is nothing ready: until something is, as far as the table tells.
    quiet: Duration,
}

struct Reader {
    store: Arc<Store>,
    writer: Arc<Writer>,
    /// Of which rows it is a reader.
    place: &'static str,
    connection: Mutex<SqliteConnection>,
}

impl QueueConsumer {
    pub(super) async fn open(
        store: &Arc<Store>,
        writer: &Arc<Writer>,
        (place, reading): (&'static str, Reading),
        prefetch: u16,
    ) -> Result<Self, BrokerError> {
        let (store, writer) = (Arc::clone(store), Arc::clone(writer));
        let written = writer.written();
        let opening = tokio::task::spawn_blocking(move || {
            let mut connection = store.connect().map_err(BrokerError)?;
            // A mark in hand outlives the process by being in the file; that a power cut loses it
            // costs no more than a return that is not counted.
            let settled = connection.batch_execute("pragma synchronous = normal");
            settled.map_err(|error| BrokerError(error.to_string()))?;
            Ok(Reader { store, writer, place, connection: Mutex::new(connection) })
        });
        let reader = opening.await.map_err(|error| BrokerError(error.to_string()))??;
        Ok(Self {
            reader: Arc::new(reader),
            written,
            prefetch: usize::from(prefetch.max(1)),
            looking: None,
            waiting: VecDeque::new(),
            in_hand: VecDeque::new(),
            tag: 0,
            _reading: reading,
        })
    }

    fn deliver(&mut self) -> Option<Delivery> {
        let taken = self.waiting.pop_front()?;
        self.tag += 1;
        self.in_hand.push_back((self.tag, taken.id));
        Some(Delivery { tag: self.tag, parcel: taken.parcel, returns: taken.returns })
    }

    #[cfg(test)]
    pub(super) fn in_hand_len(&self) -> usize {
        self.in_hand.len()
    }

    /// Waits for a look, and takes in what it found; answers how long it will be quiet.
    async fn take(&mut self, room: usize) -> Result<Duration, BrokerError> {
        let found = self.look(room).await;
        self.looking = None;
        let look = found.map_err(|_| BrokerError("the look was lost".to_owned()))??;
        self.waiting.extend(look.taken);
        Ok(look.quiet)
    }

    /// Begins a look, unless one is under way.
    fn look(&mut self, room: usize) -> &mut oneshot::Receiver<Found> {
        let (reader, written) = (&self.reader, &mut self.written);
        self.looking.get_or_insert_with(|| {
            // Before the look: what is written from now on wakes us.
            written.mark_unchanged();
            let (answer, found) = oneshot::channel();
            let reader = Arc::clone(reader);
            tokio::task::spawn_blocking(move || {
                if let Err(Ok(look)) = answer.send(reader.look(room)) {
                    reader.give_back(look.taken);
                }
            });
            found
        })
    }
}

impl Consumer for QueueConsumer {
    /// May be given up at any point without losing a parcel.
    async fn next(&mut self) -> Result<Delivery, BrokerError> {
        loop {
            if let Some(delivery) = self.deliver() {
                return Ok(delivery);
            }
            let room = self.prefetch.saturating_sub(self.in_hand.len());
            if room == 0 {
                // As with any broker: no more comes before an acknowledgement.
                std::future::pending::<()>().await;
            }
            let quiet = self.take(room).await?;
            if self.waiting.is_empty()
                && let Ok(Err(_)) = timeout(quiet, self.written.changed()).await
            {
                return Err(BrokerError("the queue's writer is gone".to_owned()));
            }
        }
    }

    async fn catch_up(&mut self) -> Result<(), BrokerError> {
        let room = self.prefetch.saturating_sub(self.in_hand.len());
        if self.waiting.is_empty() && room > 0 {
            self.take(room).await?;
        }
        Ok(())
    }

    async fn ack_through(&mut self, tag: u64) -> Result<(), BrokerError> {
        let upto = self.in_hand.partition_point(|(held, _)| *held <= tag);
        let ids: Vec<i64> = self.in_hand.iter().take(upto).map(|(_, id)| *id).collect();
        if !ids.is_empty() {
            let removed = self.reader.writer.ask(Change::Remove(ids)).await;
            removed.map_err(|error| BrokerError(error.to_string()))?;
        }
        self.in_hand.drain(..upto);
        Ok(())
    }

    async fn widen(&mut self, prefetch: u16) -> Result<(), BrokerError> {
        self.prefetch = usize::from(prefetch.max(1));
        Ok(())
    }
}

impl Drop for QueueConsumer {
    fn drop(&mut self) {
        if let Some(looking) = &mut self.looking {
            looking.close();
            if let Ok(Ok(look)) = looking.try_recv() {
                self.waiting.extend(look.taken);
            }
        }
        let returned = self.in_hand.drain(..).map(|(_, id)| id).collect();
        let untouched = self.waiting.drain(..).map(|taken| taken.id).collect();
        self.reader.writer.give_back(returned, untouched);
    }
}

impl Reader {
    fn look(&self, limit: usize) -> Found {
        let mut connection = self.connection.lock().unwrap_or_else(PoisonError::into_inner);
        let now = process::now();
        let ready_at = rows::next_ready_at(&mut connection, self.place);
        let ready_at = ready_at.map_err(|error| BrokerError(error.to_string()))?;
        let until = ready_at.map(|at| at - micros(now));
        if until.is_none_or(|until| until > 0) {
            let until = until.and_then(|until| u64::try_from(until).ok());
            let quiet = until.map_or(LOOK_AGAIN, Duration::from_micros).min(LOOK_AGAIN);
            return Ok(Look { taken: vec![], quiet });
        }
        let taken = self
            .store
            .write(&mut connection, |connection| rows::take(connection, self.place, now, limit));
        let taken = taken.map_err(|error| BrokerError(error.to_string()))?;
        // Nothing: another reader was quicker.
        Ok(Look { taken, quiet: Duration::ZERO })
    }

    fn give_back(&self, taken: Vec<Taken>) {
        self.writer.give_back(vec![], taken.into_iter().map(|taken| taken.id).collect());
    }
}
