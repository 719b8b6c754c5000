//! One run, from its first order to rest: two doors, two workers with every role, the broker and the ledger.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use anyhow::{Context as _, anyhow, bail, ensure};
use harness::wait;
use ops::embedded::Embedded;
use ops::embedded::ledger::SqliteLedger;
use rand::seq::SliceRandom as _;
use shared::message::seal::SealKeys;
use shared::provider::Readers;
use shared::retry::Schedule;
use shared::telemetry::health::Health;
use tokio::sync::{mpsc, watch};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use worker::ledger::replays::{Course, JobState};
use worker::ledger::{Ledger as _, Session as _};
use worker::roles::{self, Role, Settings};
use worker::settle::Policy;

use crate::clock::Clock;
use crate::door::{Door, Provider};
use crate::ground::{Ground, LEDGER};
use crate::plan::{Act, DOORS, Plan, WORKERS};
use crate::pool::{Order, POOL, readers};
use crate::process::Process;
use crate::road::Road;
use crate::sky::{Broken, Fate, Sky, Weather};
use crate::wire::Wire;
use crate::{people, verdict};

/// How long a provider goes on sending once the faults have ended.
const SENT_WITHIN: Duration = Duration::from_secs(60);
/// How long everything may take to come to rest. A tier may be stuck for three minutes.
const REST: Duration = Duration::from_secs(400);
/// Waiting payments are past their deadline, and receipts old enough to be counted and removed.
const A_WHILE: Duration = Duration::from_secs(11 * 60);
/// By then what is old was counted.
const COMPACTED: Duration = Duration::from_secs(40);
/// How often somebody looks whether the balance misses anything.
const LOOK_INTERVAL: Duration = Duration::from_secs(2);
/// Replays after which nothing that can be mended may be left.
const REPLAYS_MAX: usize = 4;

/// What everything in a run shares.
pub(crate) struct World {
    pub(crate) plan: Plan,
    pub(crate) sky: Arc<Sky>,
    pub(crate) clock: Clock,
    pub(crate) road: Road,
    pub(crate) orders: Vec<Arc<Order>>,
    pub(crate) provider: Provider,
    /// As people see it, whom no fault befalls.
    pub(crate) ledger: Wire<SqliteLedger>,
    embedded: Embedded,
    keys: SealKeys,
    readers: watch::Sender<Arc<Readers>>,
    ledger_down: Arc<AtomicBool>,
    workers: Vec<Arc<Process>>,
    doors: Vec<(Arc<Process>, Arc<Door>)>,
    failed: mpsc::UnboundedSender<anyhow::Error>,
}

/// Plays one run on a clock that nobody waits for. The error tells what is not as it must be.
pub(crate) fn play(ground: &Ground, plan: Plan) -> anyhow::Result<()> {
    let folder = ground.copy()?;
    let runtime =
        tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build()?;
    runtime.block_on(async {
        let (failed, mut failures) = mpsc::unbounded_channel();
        let world = World::new(plan, &folder.path().join(LEDGER), failed)?;
        let outcome = tokio::select! {
            biased;
            failure = failures.recv() => Err(failure.unwrap_or_else(|| anyhow!("nobody is left"))),
            outcome = world.story() => outcome,
        };
        let contents = world.road.contents();
        outcome.map_err(|error| error.context(format!("{}{contents}", world.sky.diary())))
    })
}

impl World {
    fn new(
        plan: Plan,
        file: &Path,
        failed: mpsc::UnboundedSender<anyhow::Error>,
    ) -> anyhow::Result<Arc<Self>> {
        let sky = Sky::new(plan.seed, plan.weather, plan.broken);
        let fair = Sky::new(plan.seed, Weather::fair(), Broken::Nothing);
        fair.clear_up();
        let embedded = Embedded::open(file)?;
        let (clock, people) = (Clock::start(), fair.fate("people", 0));
        let ledger = Wire::new(embedded.ledger(), clock.clone(), people, Arc::default());
        let pool = POOL.as_ref().map_err(|error| anyhow!("no pool: {error:#}"))?;
        let orders = sky.fate("shop", 0);
        let orders = orders.draw(|rng| pool.choose_multiple(rng, plan.orders).cloned().collect());
        Ok(Arc::new(Self {
            road: Road::new(&sky, plan.shards),
            orders,
            provider: Provider::default(),
            keys: embedded.seal_keys()?,
            readers: watch::channel(Arc::new(readers(false))).0,
            ledger_down: Arc::default(),
            workers: (0..WORKERS).map(|place| Process::new(format!("worker-{place}"))).collect(),
            doors: (0..DOORS)
                .map(|place| (Process::new(format!("door-{place}")), Arc::default()))
                .collect(),
            plan,
            sky,
            clock,
            ledger,
            embedded,
            failed,
        }))
    }

    async fn story(self: &Arc<Self>) -> anyhow::Result<()> {
        people::write(&self.ledger, self.orders.iter().map(|order| &**order), false).await?;
        let doors = self.begin();
        let sending = self.send();
        self.storm().await?;
        self.sky.clear_up();
        let sent = tokio::time::timeout(SENT_WITHIN, sending.join_all()).await;
        sent.context("a provider is not told success")?;
        self.rest().await.context("after the faults")?;
        for _ in 0..REPLAYS_MAX {
            if verdict::mendable(self).await? == 0 {
                break;
            }
            people::replay(&self.ledger, &self.keys, self.course()).await?;
            self.rest().await.context("after a replay")?;
        }
        self.doors.iter().for_each(|(door, _)| door.retire());
        tokio::time::timeout(REST, doors.join_all()).await.context("the doors do not stop")?;
        self.rest().await.context("with every number stated")?;
        self.clock.put_forward(A_WHILE);
        let nothing_in_flight = wait::until("nothing in flight", REST, || async {
            let balance = self.balance().await.ok()?;
            (balance.in_flight == 0).then_some(())
        });
        nothing_in_flight.await?;
        verdict::judge(self).await?;
        wait::virtually(COMPACTED).await;
        self.rest().await.context("a while later")?;
        verdict::judge(self).await.context("a while later")
    }

    /// Begins every process; the set holds the doors' lives.
    fn begin(self: &Arc<Self>) -> JoinSet<()> {
        tokio::spawn(self.road.clone().run());
        for process in &self.workers {
            let world = Arc::clone(self);
            let body = move |fate: Fate, stop| Arc::clone(&world).work(fate, stop);
            let life = Arc::clone(process).live(Arc::clone(&self.sky), body);
            tokio::spawn(Arc::clone(self).told(life));
        }
        let mut doors = JoinSet::new();
        for (process, door) in &self.doors {
            let (world, door) = (Arc::clone(self), Arc::clone(door));
            let body = move |fate: Fate, stop| {
                let line = world.road.line(fate.clone());
                let by = (world.keys.clone(), world.plan.shards);
                Arc::clone(&door).serve(line, fate, by, stop)
            };
            let life = Arc::clone(process).live(Arc::clone(&self.sky), body);
            doors.spawn(Arc::clone(self).told(life));
        }
        let watching = Arc::clone(self).watch();
        tokio::spawn(Arc::clone(self).told(watching));
        doors
    }

    /// A life that fails ends the run.
    async fn told(self: Arc<Self>, life: impl Future<Output = anyhow::Result<()>>) {
        if let Err(error) = life.await {
            drop(self.failed.send(error));
        }
    }

    /// One worker process with every role.
    async fn work(self: Arc<Self>, fate: Fate, stop: CancellationToken) -> anyhow::Result<()> {
        let line = self.road.line(fate.clone());
        let down = Arc::clone(&self.ledger_down);
        let wire = Wire::new(self.embedded.ledger(), self.clock.clone(), fate, down);
        let schedule = Schedule::new([1, 2].map(Duration::from_secs).to_vec())?;
        let (keys, readers) = (self.keys.clone(), self.readers.subscribe());
        let settings = Settings {
            policy: Policy { keys, readers, schedule },
            shards: self.plan.shards,
            lanes: self.plan.lanes,
            batch_max: self.plan.batch_max,
            batch_wait: Duration::from_millis(5),
            queue_age_alarm: Duration::from_secs(300),
            roles: Role::ALL.to_vec(),
            shutdown_timeout: Duration::from_secs(30),
        };
        roles::run(line, wire, settings, Health::default(), stop).await
    }

    /// The balance never misses what was not taken away.
    async fn watch(self: Arc<Self>) -> anyhow::Result<()> {
        loop {
            wait::virtually(LOOK_INTERVAL).await;
            let balance = self.balance().await?;
            verdict::no_false_alarm(&self, &balance).await?;
        }
    }

    /// Every notification, a quarter of them twice, in any order; each until some door answers success.
    fn send(self: &Arc<Self>) -> JoinSet<()> {
        let fate = self.sky.fate("provider", 0);
        let mut notes: Vec<_> = self
            .orders
            .iter()
            .flat_map(|order| (0..order.notes.len()).map(move |note| (Arc::clone(order), note)))
            .collect();
        let again = notes.len() / 4;
        let again = fate.draw(|rng| notes.choose_multiple(rng, again).cloned().collect::<Vec<_>>());
        notes.extend(again);
        let storm_ms = u64::try_from(self.plan.storm.as_millis()).unwrap_or(u64::MAX);
        let mut sending = JoinSet::new();
        for (place, (order, note)) in (0..).zip(notes) {
            let (world, fate) = (Arc::clone(self), self.sky.fate("notification", place));
            sending.spawn(async move {
                wait::virtually(fate.span(0..storm_ms)).await;
                let doors: Vec<_> = world.doors.iter().map(|(_, door)| Arc::clone(door)).collect();
                world.provider.send((&order, note), &doors, &world.clock, &fate).await;
            });
        }
        sending
    }

    async fn storm(&self) -> anyhow::Result<()> {
        let begun = tokio::time::Instant::now();
        for (at, act) in &self.plan.acts {
            wait::virtually(at.saturating_sub(begun.elapsed())).await;
            self.sky.note("the plan", &format!("{act:?}"));
            match *act {
                Act::Broker(outage) => self.road.befall(outage),
                Act::Ledger { down } => self.ledger_down.store(down, Ordering::Relaxed),
                Act::KillWorker(place) => self.workers[place].kill(),
                Act::ReplaceWorker(place) => self.workers[place].replace(),
                Act::KillDoor(place) => self.doors[place].0.kill(),
                Act::ReplaceDoor(place) => self.doors[place].0.replace(),
                Act::WriteLate => {
                    let orders = self.orders.iter().map(|order| &**order);
                    people::write(&self.ledger, orders, true).await?;
                }
                Act::Mend => drop(self.readers.send_replace(Arc::new(readers(true)))),
                Act::Replay => {
                    people::replay(&self.ledger, &self.keys, self.course()).await?;
                }
            }
        }
        wait::virtually(self.plan.storm.saturating_sub(begun.elapsed())).await;
        Ok(())
    }

    fn course(&self) -> Course {
        Course { rate: 50, canary: self.plan.canary, stop_percent: None }
    }

    pub(crate) async fn balance(&self) -> anyhow::Result<worker::ledger::records::Balance> {
        Ok(self.ledger.open().await?.balance().await?)
    }

    /// Nothing lies in a queue, every event is published, and no replay runs.
    async fn rest(&self) -> anyhow::Result<()> {
        let last = std::cell::RefCell::new(anyhow!("the queues are not still"));
        let at_rest = wait::until("rest", REST, || async {
            let looked = self.is_at_rest().await;
            looked.map_err(|error| *last.borrow_mut() = error).ok()
        });
        let at_rest = at_rest.await;
        at_rest.map_err(|late| last.into_inner().context(late))
    }

    async fn is_at_rest(&self) -> anyhow::Result<()> {
        ensure!(self.road.is_still(), "the queues are not still");
        let mut session = self.ledger.open().await?;
        let unsent = session.unsent(0, people::ALL).await?;
        ensure!(unsent.is_empty(), "{} events are not published", unsent.len());
        for job in people::jobs(&self.ledger).await? {
            if job.state == JobState::Running {
                bail!("a replay still runs: {:?}", job.counts);
            }
        }
        Ok(())
    }
}
