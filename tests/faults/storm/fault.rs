//! The faults, as descriptions: a name, what it befalls, and how long it lasts. Who does them is the stage.

use std::time::Duration;

use rand::Rng;
use rand::rngs::StdRng;
use shared::crash::Point;

/// Something that goes wrong, and ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fault {
    IngressKilled,
    /// SIGTERM, and another one in its place.
    IngressReplaced,
    WorkerKilled,
    WorkerReplaced,
    WorkersReplaced,
    /// SIGSTOP, so that its leases run out while it believes that it holds them.
    WorkerPaused,
    RelayHolderKilled,
    /// Both workers die on this line.
    WorkersCrash(Point),
    BrokerStopped,
    BrokerKilled,
    BrokerPaused,
    /// Above its memory watermark: it takes nothing from publishers.
    BrokerBlocked,
    BrokerClosesConnections,
    /// One node of three, the one that our programs are connected to. Only on a cluster.
    BrokerNodeKilled,
    LedgerStopped,
    LedgerKilled,
    BackendsTerminated,
    LedgerReadOnly,
    /// Only on a disk that is soon full.
    LedgerDiskFull,
    /// Somebody locks orders against the order in which the workers do.
    LedgerDeadlocks,
    /// Every transaction is serialisable, so that many fail.
    LedgerSerialisable,
    BrokerWireCut,
    BrokerWireSlow,
    BrokerWireHalfOpen,
    LedgerWireCut,
    LedgerWireSlow,
    LedgerWireHalfOpen,
    /// Takes events and never acknowledges one.
    SilentSubscriber,
    /// The clocks of an ingress and of a worker step an hour ahead, and later back again.
    ClocksAhead,
    /// Those of the others an hour back, and later ahead again.
    ClocksBehind,
}

/// What a fault befalls. Of faults at the same time no two befall the same.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Target {
    Ingress,
    Workers,
    Broker,
    BrokerWire,
    Ledger,
    LedgerWire,
    Subscribers,
    Clocks,
}

impl Target {
    /// RabbitMQ or PostgreSQL, or the way there.
    pub(crate) fn is_server(self) -> bool {
        match self {
            Self::Broker | Self::BrokerWire | Self::Ledger | Self::LedgerWire => true,
            Self::Ingress | Self::Workers | Self::Subscribers | Self::Clocks => false,
        }
    }
}

impl Fault {
    /// Each once that needs no servers of its own; the crash points follow.
    const WITHOUT_POINTS: [Self; 27] = [
        Self::IngressKilled,
        Self::IngressReplaced,
        Self::WorkerKilled,
        Self::WorkerReplaced,
        Self::WorkersReplaced,
        Self::WorkerPaused,
        Self::RelayHolderKilled,
        Self::BrokerStopped,
        Self::BrokerKilled,
        Self::BrokerPaused,
        Self::BrokerBlocked,
        Self::BrokerClosesConnections,
        Self::LedgerStopped,
        Self::LedgerKilled,
        Self::BackendsTerminated,
        Self::LedgerReadOnly,
        Self::LedgerDeadlocks,
        Self::LedgerSerialisable,
        Self::BrokerWireCut,
        Self::BrokerWireSlow,
        Self::BrokerWireHalfOpen,
        Self::LedgerWireCut,
        Self::LedgerWireSlow,
        Self::LedgerWireHalfOpen,
        Self::SilentSubscriber,
        Self::ClocksAhead,
        Self::ClocksBehind,
    ];

    /// Those that are soon over.
    pub(crate) const QUICK: [Self; 14] = [
        Self::IngressKilled,
        Self::WorkersReplaced,
        Self::RelayHolderKilled,
        Self::WorkersCrash(Point::Settled),
        Self::WorkersCrash(Point::Onward),
        Self::WorkersCrash(Point::Announced),
        Self::BrokerKilled,
        Self::BrokerBlocked,
        Self::LedgerKilled,
        Self::LedgerSerialisable,
        Self::BrokerWireHalfOpen,
        Self::SilentSubscriber,
        Self::ClocksAhead,
        Self::ClocksBehind,
    ];

    pub(crate) fn all() -> Vec<Self> {
        let points = Point::ALL.map(Self::WorkersCrash);
        Self::WITHOUT_POINTS.into_iter().chain(points).collect()
    }

    pub(crate) fn name(self) -> String {
        let name = match self {
            Self::IngressKilled => "an ingress killed",
            Self::IngressReplaced => "an ingress replaced",
            Self::WorkerKilled => "a worker killed",
            Self::WorkerReplaced => "a worker replaced",
            Self::WorkersReplaced => "both workers replaced",
            Self::WorkerPaused => "a worker paused (SIGSTOP)",
            Self::RelayHolderKilled => "the relay's holder killed",
            Self::WorkersCrash(point) => {
                return format!("both workers crash at `{}`", point.as_str());
            }
            Self::BrokerStopped => "RabbitMQ stopped",
            Self::BrokerKilled => "RabbitMQ killed",
            Self::BrokerPaused => "RabbitMQ paused (SIGSTOP)",
            Self::BrokerNodeKilled => "one of three RabbitMQ nodes killed",
            Self::BrokerBlocked => "RabbitMQ blocked (memory watermark)",
            Self::BrokerClosesConnections => "RabbitMQ closes all connections",
            Self::LedgerStopped => "PostgreSQL stopped",
            Self::LedgerKilled => "PostgreSQL killed",
            Self::BackendsTerminated => "PostgreSQL's backends terminated",
            Self::LedgerReadOnly => "PostgreSQL read-only",
            Self::LedgerDiskFull => "PostgreSQL's disk full",
            Self::LedgerDeadlocks => "deadlocks in PostgreSQL",
            Self::LedgerSerialisable => "serialisation failures in PostgreSQL",
            Self::BrokerWireCut => "the wire to RabbitMQ cut",
            Self::BrokerWireSlow => "the wire to RabbitMQ slow",
            Self::BrokerWireHalfOpen => "the wire to RabbitMQ half-open",
            Self::LedgerWireCut => "the wire to PostgreSQL cut",
            Self::LedgerWireSlow => "the wire to PostgreSQL slow",
            Self::LedgerWireHalfOpen => "the wire to PostgreSQL half-open",
            Self::SilentSubscriber => "a subscriber that never acknowledges",
            Self::ClocksAhead => "an ingress's and a worker's clock +1 h and back",
            Self::ClocksBehind => "an ingress's and a worker's clock −1 h and back",
        };
        name.to_owned()
    }

    pub(crate) fn target(self) -> Target {
        match self {
            Self::IngressKilled | Self::IngressReplaced => Target::Ingress,
            Self::WorkerKilled
            | Self::WorkerReplaced
            | Self::WorkersReplaced
            | Self::WorkerPaused
            | Self::RelayHolderKilled
            | Self::WorkersCrash(_) => Target::Workers,
            Self::BrokerStopped
            | Self::BrokerKilled
            | Self::BrokerPaused
            | Self::BrokerBlocked
            | Self::BrokerNodeKilled
            | Self::BrokerClosesConnections => Target::Broker,
            Self::LedgerStopped
            | Self::LedgerKilled
            | Self::BackendsTerminated
            | Self::LedgerReadOnly
            | Self::LedgerDiskFull
            | Self::LedgerDeadlocks
            | Self::LedgerSerialisable => Target::Ledger,
            Self::BrokerWireCut | Self::BrokerWireSlow | Self::BrokerWireHalfOpen => {
                Target::BrokerWire
            }
            Self::LedgerWireCut | Self::LedgerWireSlow | Self::LedgerWireHalfOpen => {
                Target::LedgerWire
            }
            Self::SilentSubscriber => Target::Subscribers,
            Self::ClocksAhead | Self::ClocksBehind => Target::Clocks,
        }
    }

    /// How long it lasts where it comes alone: long enough to be seen by whoever watches for it.
    pub(crate) fn long(self) -> Duration {
        Duration::from_secs(match self {
            // Past the beat of the relay (5 s), of the lanes (30 s) and of the broker's connections.
            Self::WorkerPaused => 35,
            Self::BrokerWireHalfOpen | Self::LedgerWireHalfOpen => 8,
            Self::BrokerStopped
            | Self::BrokerKilled
            | Self::BrokerPaused
            | Self::BrokerNodeKilled
            | Self::LedgerStopped
            | Self::LedgerDiskFull
            | Self::LedgerKilled => 5,
            Self::LedgerDeadlocks
            | Self::LedgerSerialisable
            | Self::WorkersCrash(_)
            | Self::ClocksAhead
            | Self::ClocksBehind => 4,
            Self::IngressKilled
            | Self::IngressReplaced
            | Self::WorkerKilled
            | Self::WorkerReplaced
            | Self::WorkersReplaced
            | Self::RelayHolderKilled
            | Self::BrokerBlocked
            | Self::BrokerClosesConnections
            | Self::BackendsTerminated
            | Self::LedgerReadOnly
            | Self::BrokerWireCut
            | Self::BrokerWireSlow
            | Self::LedgerWireCut
            | Self::LedgerWireSlow
            | Self::SilentSubscriber => 3,
        })
    }

    /// How long it lasts among others.
    pub(crate) fn some(rng: &mut StdRng) -> Duration {
        Duration::from_millis(rng.gen_range(0..4_000))
    }
}
