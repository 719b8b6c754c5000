//! From configuration to a pair of engines. What runs on them is generic over the two ports.
//!
//! **Invariant**: engines come in pairs, and nothing but this file knows which pair it is.

use std::path::Path;

use shared::broker::amqp::Amqp;
use shared::config::{Config, Engines, Problem};
use shared::message::seal::SealKeys;
use shared::secret::Secret;
use worker::ledger::Ledger as _;
use worker::ledger::postgres::Postgres;

use crate::embedded::{Embedded, EmbeddedError};

/// An engine pair, open or ready to be reached.
pub enum Engine {
    /// Queue and ledger in one SQLite file.
    Embedded(Embedded),
    /// RabbitMQ and PostgreSQL.
    Servers(Servers),
}

/// RabbitMQ and PostgreSQL, not reached yet.
pub struct Servers {
    pub broker: Amqp,
    pub ledger: Postgres,
}

/// Why there is no engine.
#[derive(Debug, thiserror::Error)]
pub enum EngineError {
    #[error(transparent)]
    Config(#[from] Problem),
    #[error(transparent)]
    Embedded(#[from] EmbeddedError),
}

/// Opens the embedded file, or names the servers. Where nobody configured anything the file must be there: whoever
/// asks in the wrong folder must not be told of a new and empty ledger.
pub fn open(config: &Config) -> Result<Engine, EngineError> {
    opened(config, if config.is_silent() { Embedded::found } else { Embedded::open })
}

/// The same for those with whom a ledger may begin: the file is made where it is missing.
pub fn begin(config: &Config) -> Result<Engine, EngineError> {
    opened(config, Embedded::open)
}

fn opened(
    config: &Config,
    file: impl FnOnce(&Path) -> Result<Embedded, EmbeddedError>,
) -> Result<Engine, EngineError> {
    let choices = config.choices().still();
    match config.engines()? {
        Engines::Embedded { path } => {
            let embedded = file(&path)?.governed_by(choices);
            let bodies = config.bodies(Some(embedded.body_keys()?))?;
            Ok(Engine::Embedded(embedded.keeping(bodies)))
        }
        Engines::Servers { broker_url, database_url } => {
            let broker = amqp(config, &broker_url)?;
            // A command need not have the ring; what needs it says so, and what serves checks first.
            let bodies = config.bodies(None).unwrap_or_default();
            let ledger = Postgres::new(database_url).governed_by(choices).keeping(bodies);
            Ok(Engine::Servers(Servers { broker, ledger }))
        }
    }
}

/// The pair in a few words, without its secrets.
pub fn describe(config: &Config) -> Result<String, Problem> {
    Ok(match config.engines()? {
        Engines::Embedded { path } => format!("embedded, in {}", path.display()),
        Engines::Servers { .. } => "RabbitMQ and PostgreSQL".to_owned(),
    })
}

impl Engine {
    /// The ring that seals messages: from its file, or made beside the embedded file.
    pub fn seal_keys(&self, config: &Config) -> Result<SealKeys, EngineError> {
        match self {
            Self::Embedded(embedded) => Ok(embedded.seal_keys()?),
            Self::Servers(_) => Ok(config.seal_keys()?),
        }
    }
}

fn amqp(config: &Config, url: &Secret) -> Result<Amqp, Problem> {
    Ok(Amqp {
        url: url.reveal().to_owned(),
        topology: config.topology()?,
        publish_timeout: config.ingress.publish_timeout.0,
    })
}
