//! The stage: servers of the suite's own, wires to them, our processes, and how each fault is begun and ended.
//!
//! **Invariant**: whoever holds the stage holds the servers, so that no two schedules disturb each other.

use std::time::Duration;

use anyhow::Context as _;
use harness::installation::Installation;
use harness::wire::{Mode, Wire};
use harness::{postgres, rabbitmq};
use tokio::time::timeout;

use super::crew::Crew;
use super::fault::Fault;
use super::rivals::Rivals;
use super::servers::{Held, Servers};
use super::subscriber::{Silent, Subscriber};

/// How long a broker may take to let a subscriber in.
const BROKER_ANSWERS: Duration = Duration::from_secs(3);
/// Each chunk's delay on a slow wire: a statement or a confirm takes several of them.
const SLOW: Duration = Duration::from_millis(60);

pub(crate) struct Stage {
    held: Held,
    pub(crate) installation: Installation,
    pub(crate) crew: Crew,
    pub(crate) subscriber: Subscriber,
    broker_wire: Wire,
    ledger_wire: Wire,
    rivals: Rivals,
    silent: Option<Silent>,
    /// Faults that befell nobody.
    pub(crate) unreached: Vec<String>,
}

impl Stage {
    pub(crate) async fn set() -> anyhow::Result<Self> {
        Self::on(Held::shared().await?).await
    }

    /// On a cluster of three nodes.
    pub(crate) async fn set_on_cluster() -> anyhow::Result<Self> {
        Self::on(Held::cluster().await?).await
    }

    /// On a ledger whose disk is soon full; nothing where there can be none.
    pub(crate) async fn set_on_small_disk() -> anyhow::Result<Option<Self>> {
        match Held::on_small_disk().await? {
            Some(held) => Self::on(held).await.map(Some),
            None => Ok(None),
        }
    }

    async fn on(mut held: Held) -> anyhow::Result<Self> {
        let Servers { broker, peers, ledger } = held.servers()?;
        let entrance = peers.first().unwrap_or(broker).url();
        let (broker_wire, broker_url) = Wire::before(entrance).await?;
        let (ledger_wire, ledger_url) = Wire::before(ledger.url()).await?;
        let (through, _) = ledger_url.rsplit_once('/').context("a url without a path")?;
        let way =
            |url: &str| format!("{through}/{}", url.rsplit_once('/').map_or("", |(_, it)| it));
        let installation = Installation::on(&broker_url, ledger, way).await?;
        let prefix = installation.prefix.as_ref().context("no broker")?;
        let mut crew = Crew::start(&installation)?;
        let subscriber = Subscriber::start(broker.url(), prefix).await?;
        crew.ready().await?;
        let mut stage = Self {
            held,
            installation,
            crew,
            subscriber,
            broker_wire,
            ledger_wire,
            rivals: Rivals::default(),
            silent: None,
            unreached: vec![],
        };
        stage.keep_queues().await?;
        Ok(stage)
    }

    /// Whatever dies now, each queue is known to its broker.
    pub(crate) async fn keep_queues(&mut self) -> anyhow::Result<()> {
        self.held.servers()?.keep_queues().await
    }

    /// Asks the ledger, not through the wire.
    pub(crate) async fn sql(&self, statement: &str) -> anyhow::Result<String> {
        postgres::sql(self.database()?, statement).await
    }

    pub(crate) fn database(&self) -> anyhow::Result<&str> {
        Ok(&self.installation.database.as_ref().context("no database")?.url)
    }

    pub(crate) fn broker_url(&mut self) -> anyhow::Result<String> {
        Ok(self.held.servers()?.broker.url().to_owned())
    }

    pub(crate) fn prefix(&self) -> anyhow::Result<&str> {
        self.installation.prefix.as_deref().context("no broker")
    }

    pub(crate) async fn begin(&mut self, fault: Fault) -> anyhow::Result<()> {
        let Crew { doors, workers, .. } = &mut self.crew;
        match fault {
            Fault::IngressKilled => doors[0].kill().await,
            Fault::IngressReplaced => doors[0].terminate().await,
            Fault::WorkerKilled => workers[0].kill().await,
            Fault::WorkerReplaced => workers[0].terminate().await,
            Fault::WorkersReplaced => {
                workers[0].terminate().await?;
                workers[1].terminate().await
            }
            Fault::WorkerPaused => workers[0].signal("STOP"),
            Fault::RelayHolderKilled => {
                let reached = self.crew.kill_relay_holder().await?;
                self.note(fault, reached)
            }
            Fault::WorkersCrash(point) => self.crew.arm(point).await,
            Fault::BrokerStopped => self.broker()?.stop().await,
            Fault::BrokerKilled => self.broker()?.kill().await,
            Fault::BrokerPaused => self.broker()?.pause(),
            Fault::BrokerBlocked => self.watermark(&["0"]).await,
            Fault::BrokerNodeKilled => {
                let Servers { broker, peers, .. } = self.held.servers()?;
                peers.first_mut().context("no cluster")?.kill().await?;
                self.broker_wire.lead_to(broker.url())
            }
            Fault::BrokerClosesConnections => {
                self.broker()?.control(&["close_all_connections", "a test"]).await.map(drop)
            }
            Fault::LedgerStopped => self.ledger()?.stop().await,
            Fault::LedgerKilled => self.ledger()?.kill().await,
            Fault::BackendsTerminated => self.terminate_backends().await,
            Fault::LedgerReadOnly => self.alter("set default_transaction_read_only = on").await,
            Fault::LedgerDiskFull => self.fill_the_disk().await,
            Fault::LedgerDeadlocks => {
                let database = self.database()?.to_owned();
                self.rivals.lock(&database)
            }
            Fault::LedgerSerialisable => {
                self.alter("set default_transaction_isolation = 'serializable'").await?;
                let database = self.database()?.to_owned();
                self.rivals.write(&database)
            }
            Fault::BrokerWireCut => set(&self.broker_wire, Mode::Cut),
            Fault::BrokerWireSlow => set(&self.broker_wire, Mode::Slow(SLOW)),
            Fault::BrokerWireHalfOpen => set(&self.broker_wire, Mode::HalfOpen),
            Fault::LedgerWireCut => set(&self.ledger_wire, Mode::Cut),
            Fault::LedgerWireSlow => set(&self.ledger_wire, Mode::Slow(SLOW)),
            Fault::LedgerWireHalfOpen => set(&self.ledger_wire, Mode::HalfOpen),
            Fault::SilentSubscriber => {
                // Where the broker is away, so is it; one that is paused says nothing at all.
                let (url, prefix) = (self.broker_url()?, self.prefix()?);
                let silent = timeout(BROKER_ANSWERS, Silent::start(&url, prefix)).await;
                self.silent = silent.ok().and_then(Result::ok);
                Ok(())
            }
            Fault::ClocksAhead => self.crew.step_clocks(0, 1),
            Fault::ClocksBehind => self.crew.step_clocks(1, -1),
        }
    }

    pub(crate) async fn end(&mut self, fault: Fault) -> anyhow::Result<()> {
        match fault {
            Fault::IngressKilled | Fault::IngressReplaced => self.crew.start_door(0),
            Fault::WorkerKilled | Fault::WorkerReplaced => self.crew.start_worker(0),
            Fault::WorkersReplaced | Fault::RelayHolderKilled => self.crew.start_missing_workers(),
            Fault::WorkerPaused => self.crew.workers[0].signal("CONT"),
            Fault::WorkersCrash(_) => {
                let reached = self.crew.disarm().await? > 0;
                self.note(fault, reached)
            }
            Fault::BrokerStopped | Fault::BrokerKilled => self.broker()?.restart().await,
            Fault::BrokerNodeKilled => {
                let peers = &mut self.held.servers()?.peers;
                peers.first_mut().context("no cluster")?.restart().await
            }
            Fault::BrokerPaused => self.broker()?.resume(),
            Fault::BrokerBlocked => self.watermark(&["absolute", rabbitmq::MEMORY]).await,
            Fault::LedgerStopped | Fault::LedgerKilled => self.ledger()?.restart().await,
            Fault::LedgerReadOnly => self.alter("reset default_transaction_read_only").await,
            Fault::LedgerDiskFull => {
                let met = self.crew.comes_to_say("could not extend").await;
                self.note(fault, met)?;
                self.sql("drop table balloon").await.map(drop)
            }
            Fault::LedgerSerialisable => {
                let met = self.crew.comes_to_say("with=serialization failure").await;
                self.note(fault, met)?;
                self.rivals.end().await?;
                self.alter("reset default_transaction_isolation").await
            }
            Fault::LedgerDeadlocks => {
                let met = self.crew.comes_to_say("with=deadlock detected").await;
                self.note(fault, met)?;
                self.rivals.end().await
            }
            Fault::BrokerWireCut | Fault::BrokerWireSlow | Fault::BrokerWireHalfOpen => {
                set(&self.broker_wire, Mode::Open)
            }
            Fault::LedgerWireCut | Fault::LedgerWireSlow | Fault::LedgerWireHalfOpen => {
                set(&self.ledger_wire, Mode::Open)
            }
            Fault::SilentSubscriber => {
                self.silent = None;
                Ok(())
            }
            Fault::ClocksAhead => self.crew.step_clocks(0, 0),
            Fault::ClocksBehind => self.crew.step_clocks(1, 0),
            Fault::BrokerClosesConnections | Fault::BackendsTerminated => Ok(()),
        }
    }

    fn note(&mut self, fault: Fault, reached: bool) -> anyhow::Result<()> {
        self.unreached.extend((!reached).then(|| fault.name()));
        Ok(())
    }

    pub(crate) fn broker(&mut self) -> anyhow::Result<&mut rabbitmq::Server> {
        Ok(&mut self.held.servers()?.broker)
    }

    fn ledger(&mut self) -> anyhow::Result<&mut postgres::Server> {
        Ok(&mut self.held.servers()?.ledger)
    }

    async fn watermark(&mut self, value: &[&str]) -> anyhow::Result<()> {
        let arguments = [&["set_vm_memory_high_watermark"], value].concat();
        self.broker()?.control(&arguments).await.map(drop)
    }

    /// Changes a setting of the database, for the sessions to come: those that are must begin anew.
    async fn alter(&mut self, change: &str) -> anyhow::Result<()> {
        let name = self.installation.database.as_ref().context("no database")?.name.clone();
        let url = self.ledger()?.url().to_owned();
        postgres::sql(&url, &format!("alter database {name} {change}")).await?;
        self.terminate_backends().await
    }

    async fn terminate_backends(&mut self) -> anyhow::Result<()> {
        let name = self.installation.database.as_ref().context("no database")?.name.clone();
        let url = self.ledger()?.url().to_owned();
        let end = "select count(pg_terminate_backend(pid)) from pg_stat_activity";
        postgres::sql(&url, &format!("{end} where datname = '{name}'")).await.map(drop)
    }

    /// What was written before it failed stays until the table goes.
    async fn fill_the_disk(&self) -> anyhow::Result<()> {
        // What failed to go in is garbage, and a vacuum would let the air out; what is compressed leaves room.
        let balloon = "create table balloon (air text) with (autovacuum_enabled = off, \
             toast.autovacuum_enabled = off); alter table balloon alter air set storage external";
        self.sql(balloon).await?;
        // Were the numbers a table, they would be kept in a file meanwhile, and leave its room.
        let blow = "insert into balloon select repeat(md5(generate_series(1, 1000000)::text), 200)";
        anyhow::ensure!(self.sql(blow).await.is_err(), "the disk takes it all");
        Ok(())
    }
}

fn set(wire: &Wire, mode: Mode) -> anyhow::Result<()> {
    wire.set(mode);
    Ok(())
}
