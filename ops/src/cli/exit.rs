//! How a command ends: its exit code, and what it says when it did not do what was asked.
//!
//! **Invariant**: a code is a promise to scripts, and a message says what to do.

use std::io;

use shared::broker::amqp::ConnectError;
use shared::config::Problem;
use worker::ledger::LedgerError;

use crate::embedded::EmbeddedError;
use crate::engine::EngineError;
use crate::simulate::key::KeyError;
use crate::simulate::post::SendError;
use crate::simulate::signing::OpenError;

/// What a command's exit code says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exit {
    Done,
    Failed,
    /// Usage or configuration.
    Usage,
    Declined,
    NotAllowed,
    NotFound,
    /// A conflict, or a plan that is stale.
    Conflict,
    PartlyDone,
    StillRunning,
    ThresholdExceeded,
    /// An engine is out of reach.
    Unreachable,
}

/// Why a command did not do what was asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    pub exit: Exit,
    /// For a person; empty where there is nobody to tell.
    pub message: String,
}

impl Exit {
    pub fn code(self) -> u8 {
        match self {
            Self::Done => 0,
            Self::Failed => 1,
            Self::Usage => 2,
            Self::Declined => 3,
            Self::NotAllowed => 4,
            Self::NotFound => 5,
            Self::Conflict => 6,
            Self::PartlyDone => 7,
            Self::StillRunning => 8,
            Self::ThresholdExceeded => 9,
            Self::Unreachable => 10,
        }
    }
}

impl Failure {
    pub fn new(exit: Exit, message: impl Into<String>) -> Self {
        Self { exit, message: message.into() }
    }
}

/// Writing data failed. A reader that has seen enough (`| head`) is no failure.
impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::BrokenPipe => Self::new(Exit::Done, ""),
            _ => Self::new(Exit::Failed, format!("cannot write the output: {error}")),
        }
    }
}

impl From<Problem> for Failure {
    fn from(problem: Problem) -> Self {
        Self::new(Exit::Usage, problem.to_string())
    }
}

impl From<Vec<Problem>> for Failure {
    fn from(problems: Vec<Problem>) -> Self {
        let lines: Vec<_> = problems.iter().map(Problem::to_string).collect();
        Self::new(Exit::Usage, lines.join("\n"))
    }
}

impl From<EngineError> for Failure {
    fn from(error: EngineError) -> Self {
        match error {
            EngineError::Config(problem) => problem.into(),
            EngineError::Embedded(error) => error.into(),
        }
    }
}

impl From<EmbeddedError> for Failure {
    fn from(error: EmbeddedError) -> Self {
        let (exit, hint) = match &error {
            EmbeddedError::Owned(_) => (
                Exit::Conflict,
                ": look for another `quittance serve` or `quittance demo`, and stop it first",
            ),
            EmbeddedError::Missing(_) => (
                Exit::Unreachable,
                ": name your configuration with --config or QUITTANCE_CONFIG, or begin a ledger here with `quittance serve`",
            ),
            EmbeddedError::Locked(_) => (
                Exit::Unreachable,
                " for longer than we waited: end its transaction, and run this again",
            ),
            EmbeddedError::File(..) | EmbeddedError::Database(..) => (
                Exit::Unreachable,
                "; embedded.path names the file, and its folder must be writable",
            ),
            EmbeddedError::SealKeys(..) | EmbeddedError::BodyKeys(..) => {
                (Exit::Usage, "; put back the ring that was there")
            }
        };
        // The alternate form adds the sources.
        Self::new(exit, format!("{:#}{hint}", anyhow::Error::from(error)))
    }
}

impl From<LedgerError> for Failure {
    fn from(error: LedgerError) -> Self {
        let (exit, hint) = match &error {
            LedgerError::Conflict(_) => (Exit::Conflict, "; try again"),
            LedgerError::Unreachable(_) => (
                Exit::Unreachable,
                "; is it there, and does database.url (embedded: embedded.path) name it?",
            ),
            LedgerError::Refused(_) => (Exit::Failed, ""),
            LedgerError::Fault(_) => {
                (Exit::Failed, "; if this version is new, run `quittance migrate` first")
            }
        };
        Self::new(exit, format!("{error}{hint}"))
    }
}

impl From<ConnectError> for Failure {
    fn from(error: ConnectError) -> Self {
        match error {
            ConnectError::Unreachable(_) => {
                let hint = "is it running, and does broker.url name it?";
                Self::new(Exit::Unreachable, format!("{error}; {hint}"))
            }
            ConnectError::Unsafe(_) => Self::new(Exit::Failed, error.to_string()),
        }
    }
}

impl From<SendError> for Failure {
    fn from(error: SendError) -> Self {
        let exit = match error {
            SendError::Unreachable { .. } => Exit::Unreachable,
            SendError::Url { .. } => Exit::Usage,
        };
        Self::new(exit, error.to_string())
    }
}

impl From<KeyError> for Failure {
    fn from(error: KeyError) -> Self {
        let exit = match error {
            KeyError::File { .. } | KeyError::Unreadable(_) | KeyError::NotEd25519(_) => {
                Exit::Usage
            }
            KeyError::Generate(_) | KeyError::Chance => Exit::Failed,
        };
        Self::new(exit, error.to_string())
    }
}

impl From<OpenError> for Failure {
    fn from(error: OpenError) -> Self {
        match error {
            OpenError::Key(error) => error.into(),
            OpenError::Certificate(_) => Self::new(Exit::Failed, error.to_string()),
            OpenError::Secret(..) => Self::new(Exit::Usage, error.to_string()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_codes_are_those_that_scripts_were_promised() {
        let table = [
            (Exit::Done, 0),
            (Exit::Failed, 1),
            (Exit::Usage, 2),
            (Exit::Declined, 3),
            (Exit::NotAllowed, 4),
            (Exit::NotFound, 5),
            (Exit::Conflict, 6),
            (Exit::PartlyDone, 7),
            (Exit::StillRunning, 8),
            (Exit::ThresholdExceeded, 9),
            (Exit::Unreachable, 10),
        ];
        for (exit, code) in table {
            assert_eq!(exit.code(), code, "{exit:?}");
        }
    }

    #[test]
    fn a_reader_that_has_seen_enough_is_no_failure() {
        let failure = Failure::from(io::Error::from(io::ErrorKind::BrokenPipe));
        assert_eq!((failure.exit, failure.message.as_str()), (Exit::Done, ""));
        let full = Failure::from(io::Error::from(io::ErrorKind::StorageFull));
        assert_eq!(full.exit, Exit::Failed);
    }

    #[test]
    fn an_engine_out_of_reach_is_told_from_a_refusal() {
        let exit = |error: LedgerError| Failure::from(error).exit;
        assert_eq!(exit(LedgerError::Unreachable("x".into())), Exit::Unreachable);
        assert_eq!(exit(LedgerError::Refused("x".into())), Exit::Failed);
        assert_eq!(exit(LedgerError::Conflict("x".into())), Exit::Conflict);
    }
}
