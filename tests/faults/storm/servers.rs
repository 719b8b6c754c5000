//! The servers that a schedule breaks.
//!
//! **Invariant**: whoever holds servers holds them alone, so that no two schedules disturb each other.

use anyhow::Context as _;
use harness::{postgres, rabbitmq};
use tokio::sync::{Mutex, MutexGuard};

/// What our programs stand on.
pub(crate) struct Servers {
    pub(crate) broker: rabbitmq::Server,
    /// The other nodes of its cluster; our programs begin at the first of them.
    pub(crate) peers: Vec<rabbitmq::Server>,
    pub(crate) ledger: postgres::Server,
}

type Place = Mutex<Option<Servers>>;
type Turn = MutexGuard<'static, Option<Servers>>;

/// So many schedules are at work at once: most of their time they wait.
static PLACES: [Place; 2] = [const { Mutex::const_new(None) }; 2];

/// Those of a place, which schedules share one after another, or servers of one test alone.
pub(crate) enum Held {
    Shared(Turn),
    Own(Box<Servers>, #[expect(dead_code, reason = "held")] Turn),
}

impl Held {
    pub(crate) async fn shared() -> anyhow::Result<Self> {
        let mut turn = turn().await;
        if turn.is_none() {
            let (broker, ledger) = tokio::join!(rabbitmq::start(), postgres::start());
            *turn = Some(Servers { broker: broker?, peers: vec![], ledger: ledger? });
        }
        let Servers { broker, ledger, .. } = turn.as_mut().context("no servers")?;
        // A schedule that failed may have left them in any state.
        broker.heal().await?;
        ledger.heal().await?;
        Ok(Self::Shared(turn))
    }

    /// A broker of three nodes.
    pub(crate) async fn cluster() -> anyhow::Result<Self> {
        let turn = turn().await;
        let (nodes, ledger) = tokio::join!(rabbitmq::start_cluster(3), postgres::start());
        let mut peers = nodes?;
        let broker = peers.remove(0);
        Ok(Self::Own(Box::new(Servers { broker, peers, ledger: ledger? }), turn))
    }

    /// A ledger whose disk is soon full; nothing where there can be none.
    pub(crate) async fn on_small_disk() -> anyhow::Result<Option<Self>> {
        let turn = turn().await;
        let (broker, ledger) = tokio::join!(rabbitmq::start(), postgres::start_on_small_disk());
        let Some(ledger) = ledger? else { return Ok(None) };
        let servers = Servers { broker: broker?, peers: vec![], ledger };
        Ok(Some(Self::Own(Box::new(servers), turn)))
    }

    pub(crate) fn servers(&mut self) -> anyhow::Result<&mut Servers> {
        match self {
            Self::Shared(servers) => servers.as_mut().context("no servers"),
            Self::Own(servers, _) => Ok(servers),
        }
    }
}

impl Servers {
    /// RabbitMQ writes the name of a new quorum queue to its disk half a second late; killed before, it serves that
    /// queue never again, and nothing of ours can change that. So it is made to write.
    pub(crate) async fn keep_queues(&self) -> anyhow::Result<()> {
        for node in self.peers.iter().chain([&self.broker]) {
            node.control(&["eval", "[ok = dets:sync(Table) || Table <- dets:all()]."]).await?;
        }
        Ok(())
    }
}

/// Waits for a place.
async fn turn() -> Turn {
    tokio::select! {
        turn = PLACES[0].lock() => turn,
        turn = PLACES[1].lock() => turn,
    }
}
