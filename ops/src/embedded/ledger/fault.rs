//! What an error of SQLite asks for. Source: sqlite.org/rescode.html, as far as diesel shows it:
//! of most codes only the text.

use diesel::result::{DatabaseErrorKind, Error};
use shared::secret::cipher::CipherError;
use worker::ledger::LedgerError;

const IN_THE_WAY: [&str; 2] = ["is locked", "busy"];
const OUT_OF_REACH: [&str; 6] =
    ["disk i/o error", "is full", "unable to open", "readonly", "is malformed", "not a database"];
/// How our own triggers begin to speak.
const RULES: [&str; 2] = ["order: ", "subscription: "];

/// Why a call failed, inside.
#[derive(Debug)]
pub(super) enum Fault {
    Database(Error),
    /// The data breaks a rule that no constraint can keep.
    Refused(&'static str),
    /// It is judged already.
    Other(LedgerError),
    /// A body cannot be sealed or opened.
    Body(CipherError),
    /// In the port's own words.
    Told(LedgerError),
}

pub(super) type Result<T> = std::result::Result<T, Fault>;

impl From<Error> for Fault {
    fn from(error: Error) -> Self {
        Self::Database(error)
    }
}

impl From<CipherError> for Fault {
    fn from(error: CipherError) -> Self {
        Self::Body(error)
    }
}

impl From<Fault> for LedgerError {
    fn from(fault: Fault) -> Self {
        let error = match fault {
            Fault::Refused(rule) => return Self::Refused(rule.to_owned()),
            Fault::Other(error) => return error,
            Fault::Body(error) => return error.into(),
            Fault::Told(error) => return error,
            Fault::Database(error) => error,
        };
        let Error::DatabaseError(kind, information) = &error else {
            return match error {
                Error::BrokenTransactionManager => Self::Unreachable(error.to_string()),
                other => Self::Fault(other.to_string()),
            };
        };
        // SQLite names tables, columns and constraints, never values.
        let message = information.message();
        let lower = message.to_lowercase();
        let says = |phrases: &[&str]| phrases.iter().any(|phrase| lower.contains(phrase));
        match kind {
            DatabaseErrorKind::UniqueViolation
            | DatabaseErrorKind::ForeignKeyViolation
            | DatabaseErrorKind::NotNullViolation
            | DatabaseErrorKind::CheckViolation => Self::Refused(message.to_owned()),
            // The enum is open: what we do not know is told by its text.
            _ if lower.contains("constraint failed")
                || RULES.iter().any(|rule| message.starts_with(rule)) =>
            {
                Self::Refused(message.to_owned())
            }
            _ if says(&IN_THE_WAY) => Self::Conflict(message.to_owned()),
            _ if says(&OUT_OF_REACH) => Self::Unreachable(message.to_owned()),
            _ => Self::Fault(message.to_owned()),
        }
    }
}
