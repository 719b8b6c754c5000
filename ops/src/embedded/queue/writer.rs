//! The one thread that writes the queue: it commits whatever waits together.
//!
//! **Invariant**: every change is answered after its transaction's end; those of one transaction
//! stand or fall together.

use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;

use diesel::prelude::*;
use diesel::result::Error;
use shared::broker::PublishError;
use tokio::sync::mpsc::error::TryRecvError;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc, oneshot, watch};
use tracing::{error, warn};

use super::rows::{self, NewRow};
use crate::embedded::store::Store;

/// Changes that may wait for the writer; more are held back at their makers.
const WAITING_MAX: usize = 1_024;
/// How soon what readers gave back is tried again.
const OWED_AGAIN: Duration = Duration::from_millis(100);
/// Changes that share a commit.
const TOGETHER_MAX: usize = 256;

type Answer = Result<(), PublishError>;

/// The thread's handle; the last one to go waits for its end.
pub(super) struct Writer {
    /// Without a limit, so that a reader can give back while it is dropped; `room` limits others.
    jobs: Option<mpsc::UnboundedSender<Job>>,
    room: Arc<Semaphore>,
    /// Changes whenever there may be something to read.
    written: watch::Receiver<()>,
    thread: Option<JoinHandle<()>>,
}

pub(super) enum Change {
    Insert(Box<NewRow>),
    Remove(Vec<i64>),
    GiveBack {
        /// A reader went with them in its hand.
        returned: Vec<i64>,
        /// Taken, but never delivered to anybody.
        untouched: Vec<i64>,
    },
    Probe,
}

struct Job {
    change: Change,
    answer: Option<oneshot::Sender<Answer>>,
    _room: Option<OwnedSemaphorePermit>,
}

impl Writer {
    pub(super) fn start(store: Arc<Store>) -> Self {
        let (jobs, queue) = mpsc::unbounded_channel();
        let (tell, written) = watch::channel(());
        let desk = Desk { store, connection: None, tell, owed: vec![] };
        let thread = std::thread::Builder::new()
            .name("quittance-queue".to_owned())
            .spawn(move || desk.serve(queue))
            .inspect_err(|error| error!(%error, "the queue's thread does not start"))
            .ok();
        let room = Arc::new(Semaphore::new(WAITING_MAX));
        Self { jobs: Some(jobs), room, written, thread }
    }

    /// Asks for a change, and waits for its commit.
    pub(super) async fn ask(&self, change: Change) -> Answer {
        let room = Arc::clone(&self.room).acquire_owned().await.ok();
        let (answer, committed) = oneshot::channel();
        self.send(Job { change, answer: Some(answer), _room: room })?;
        committed.await.unwrap_or(Err(PublishError::Lost))
    }

    /// Gives back soon, and again until it is done; the next owner of the file does what is left.
    pub(super) fn give_back(&self, returned: Vec<i64>, untouched: Vec<i64>) {
        if !returned.is_empty() || !untouched.is_empty() {
            let change = Change::GiveBack { returned, untouched };
            drop(self.send(Job { change, answer: None, _room: None }));
        }
    }

    pub(super) fn written(&self) -> watch::Receiver<()> {
        self.written.clone()
    }

    fn send(&self, job: Job) -> Answer {
        let jobs = self.jobs.as_ref().ok_or(PublishError::Unreachable)?;
        jobs.send(job).map_err(|_| PublishError::Unreachable)
    }
}

impl Change {
    fn makes_readable(&self) -> bool {
        match self {
            Self::Insert(_) | Self::GiveBack { .. } => true,
            Self::Remove(_) | Self::Probe => false,
        }
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        self.jobs = None;
        let ended = self.thread.take().map(JoinHandle::join);
        if ended.is_some_and(|ended| ended.is_err()) {
            error!("the queue's thread ended in a panic");
        }
    }
}

/// What the thread works with.
struct Desk {
    store: Arc<Store>,
    connection: Option<SqliteConnection>,
    tell: watch::Sender<()>,
    /// What readers gave back and the file did not take yet: nobody else knows of it.
    owed: Vec<Job>,
}

impl Desk {
    fn serve(mut self, mut queue: mpsc::UnboundedReceiver<Job>) {
        while let Some(mut jobs) = self.next(&mut queue) {
            while jobs.len() < TOGETHER_MAX
                && let Ok(job) = queue.try_recv()
            {
                jobs.push(job);
            }
            match self.commit(&jobs) {
                // Only the guilty one is refused.
                Err(PublishError::Refused) if jobs.len() > 1 => {
                    for job in jobs {
                        let outcome = self.commit(std::slice::from_ref(&job));
                        self.finish(job, outcome);
                    }
                }
                outcome => jobs.into_iter().for_each(|job| self.finish(job, outcome.clone())),
            }
        }
    }

    /// What to begin with: what is owed, a while later, or what comes; nothing once all handles are gone.
    fn next(&mut self, queue: &mut mpsc::UnboundedReceiver<Job>) -> Option<Vec<Job>> {
        if self.owed.is_empty() {
            return queue.blocking_recv().map(|first| vec![first]);
        }
        std::thread::park_timeout(OWED_AGAIN);
        match queue.try_recv() {
            Ok(job) => self.owed.push(job),
            Err(TryRecvError::Empty) => {}
            Err(TryRecvError::Disconnected) => return None,
        }
        Some(std::mem::take(&mut self.owed))
    }

    fn finish(&mut self, job: Job, outcome: Answer) {
        if outcome.is_ok() && job.change.makes_readable() {
            self.tell.send_replace(());
        }
        match job.answer {
            // Whoever no longer waits has counted the outcome as unknown.
            Some(answer) => drop(answer.send(outcome)),
            None if outcome.is_err() => self.owed.push(job),
            None => {}
        }
    }

    fn commit(&mut self, jobs: &[Job]) -> Answer {
        let store = Arc::clone(&self.store);
        let connection = self.connect()?;
        let committed = store.write(connection, |connection| {
            jobs.iter().try_for_each(|job| apply(connection, &job.change))
        });
        committed.map_err(|error| {
            warn!(%error, "the queue's file refuses a write");
            // A connection in an unknown state is not used again.
            self.connection = None;
            refusal(&error)
        })
    }

    fn connect(&mut self) -> Result<&mut SqliteConnection, PublishError> {
        if !self.store.path().exists() {
            // A file that somebody removed would take all we write with it.
            self.connection = None;
        }
        if let Some(connection) = self.connection.take() {
            return Ok(self.connection.insert(connection));
        }
        let connection = self.store.connect().map_err(|error| {
            warn!(error, "the queue's file is out of reach");
            PublishError::Unreachable
        })?;
        Ok(self.connection.insert(connection))
    }
}

fn apply(connection: &mut SqliteConnection, change: &Change) -> Result<(), Error> {
    match change {
        Change::Insert(row) => rows::insert(connection, row),
        Change::Remove(ids) => rows::remove(connection, ids),
        Change::GiveBack { returned, untouched } => {
            rows::give_back(connection, returned, 1)?;
            rows::give_back(connection, untouched, 0)
        }
        // To have begun to write is the proof.
        Change::Probe => Ok(()),
    }
}

fn refusal(error: &Error) -> PublishError {
    match error {
        Error::DatabaseError(_, what) if what.message().contains("full") => PublishError::Blocked,
        Error::DatabaseError(_, what) if what.message().contains("constraint failed") => {
            PublishError::Refused
        }
        _ => PublishError::Unreachable,
    }
}
