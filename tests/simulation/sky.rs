//! What befalls whom: every fault of a run is drawn here, from its seed.
//!
//! **Invariant**: nobody's fortune depends on how often another asked for one: each process of a run draws from
//! a stream of its own.

use std::collections::VecDeque;
use std::ops::Range;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use harness::wait;
use rand::rngs::StdRng;
use rand::seq::SliceRandom as _;
use rand::{Rng as _, SeedableRng as _};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

/// Lines of a diary that a failure shows.
const DIARY_MAX: usize = 300;
/// How long an await takes that goes well.
const LATENCY_MS: Range<u64> = 0..4;
/// How long one takes that befell a long pause.
const PAUSE_MS: Range<u64> = 100..6_000;

/// How often each kind of fault befalls an await.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Weather {
    /// Of 1,000 publishes.
    pub(crate) publishing: u32,
    /// Of 1,000 deliveries, acknowledgements and looks.
    pub(crate) consuming: u32,
    /// Of 1,000 calls of the ledger.
    pub(crate) ledger: u32,
    /// Of 10,000 awaits, each time a whole process dies.
    pub(crate) deaths: u32,
    /// Of 1,000 awaits.
    pub(crate) pauses: u32,
}

/// A part of our own world that is broken on purpose, to show that the simulation sees it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Broken {
    Nothing,
    /// Consumers acknowledge what they hand out before anybody has settled it.
    AcksEarly,
    /// Publishers answer `Ok` to retries, burials and events that no queue holds.
    ConfirmsUnheld,
    /// The ledger answers batches that it did not write.
    AnswersUnwritten,
    /// Somebody takes so many messages out of a queue.
    Steals(u32),
}

/// What all of a run share.
pub(crate) struct Sky {
    pub(crate) seed: u64,
    pub(crate) weather: Weather,
    pub(crate) broken: Broken,
    calm: AtomicBool,
    begun: Instant,
    diary: Mutex<VecDeque<String>>,
}

/// One life of one process, and what befalls it.
#[derive(Clone)]
pub(crate) struct Fate {
    pub(crate) sky: Arc<Sky>,
    name: Arc<str>,
    rng: Arc<Mutex<StdRng>>,
    death: CancellationToken,
}

impl Weather {
    /// Each kind is absent, rare, common or heavy.
    pub(crate) fn from_seed(seed: u64) -> Self {
        let mut rng = StdRng::seed_from_u64(seed);
        let mut one_of = |of: [u32; 4]| of.choose(&mut rng).copied().unwrap_or_default();
        Self {
            publishing: one_of([0, 10, 60, 250]),
            consuming: one_of([0, 5, 30, 100]),
            ledger: one_of([0, 5, 30, 120]),
            deaths: one_of([0, 2, 10, 30]),
            pauses: one_of([0, 2, 10, 20]),
        }
    }

    /// None at all.
    pub(crate) fn fair() -> Self {
        Self { publishing: 0, consuming: 0, ledger: 0, deaths: 0, pauses: 0 }
    }
}

impl Sky {
    pub(crate) fn new(seed: u64, weather: Weather, broken: Broken) -> Arc<Self> {
        let (calm, begun) = (AtomicBool::new(false), Instant::now());
        Arc::new(Self { seed, weather, broken, calm, begun, diary: Mutex::default() })
    }

    /// No more faults from here on.
    pub(crate) fn clear_up(&self) {
        self.note("everybody", "the faults end");
        self.calm.store(true, Ordering::Relaxed);
    }

    pub(crate) fn is_calm(&self) -> bool {
        self.calm.load(Ordering::Relaxed)
    }

    /// The fortunes of one more life of `name`.
    pub(crate) fn fate(self: &Arc<Self>, name: &str, life: u64) -> Fate {
        let salt = name.bytes().fold(life, |salt, byte| salt.wrapping_mul(131) + u64::from(byte));
        let rng = StdRng::seed_from_u64(self.seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) ^ salt);
        let rng = Arc::new(Mutex::new(rng));
        let (sky, death) = (Arc::clone(self), CancellationToken::new());
        Fate { sky, name: name.into(), rng, death }
    }

    pub(crate) fn note(&self, who: &str, what: &str) {
        let mut diary = lock(&self.diary);
        diary.push_back(format!("{:>9.3} s  {who}: {what}", self.begun.elapsed().as_secs_f64()));
        while diary.len() > DIARY_MAX {
            diary.pop_front();
        }
    }

    /// The last of what befell.
    pub(crate) fn diary(&self) -> String {
        lock(&self.diary).iter().map(|line| format!("{line}\n")).collect()
    }
}

impl Fate {
    /// Does it befall, so many times in a thousand? Nothing does when it is calm.
    pub(crate) fn befalls(&self, thousandths: u32) -> bool {
        !self.sky.is_calm() && self.draw(|rng| rng.gen_range(0..1_000)) < thousandths
    }

    pub(crate) fn one_of<T: Clone>(&self, of: &[T]) -> T {
        self.draw(|rng| of[rng.gen_range(0..of.len())].clone())
    }

    pub(crate) fn span(&self, range_ms: Range<u64>) -> Duration {
        Duration::from_millis(self.draw(|rng| rng.gen_range(range_ms)))
    }

    pub(crate) fn draw<T>(&self, draw: impl FnOnce(&mut StdRng) -> T) -> T {
        draw(&mut lock(&self.rng))
    }

    /// One await of the outside world: it takes its time, sometimes long, and sometimes nobody lives to see its
    /// end.
    pub(crate) async fn passes(&self, at: &str) {
        if self.sky.is_calm() {
            return;
        }
        let deaths = self.sky.weather.deaths;
        if self.draw(|rng| rng.gen_range(0..10_000)) < deaths {
            self.dies(at).await;
        }
        let span = if self.befalls(self.sky.weather.pauses) {
            let span = self.span(PAUSE_MS);
            self.note(&format!("waits {span:?} at {at}"));
            span
        } else {
            self.span(LATENCY_MS)
        };
        wait::virtually(span).await;
    }

    /// The process ends here; whoever is asked to go on never does.
    pub(crate) async fn dies(&self, at: &str) {
        self.note(&format!("dies at {at}"));
        self.death.cancel();
        std::future::pending().await
    }

    /// From outside, wherever it is.
    pub(crate) fn kill(&self) {
        self.note("is killed");
        self.death.cancel();
    }

    pub(crate) fn is_dead(&self) -> bool {
        self.death.is_cancelled()
    }

    pub(crate) async fn death(&self) {
        self.death.cancelled().await
    }

    pub(crate) fn note(&self, what: &str) {
        self.sky.note(&self.name, what);
    }
}

pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
