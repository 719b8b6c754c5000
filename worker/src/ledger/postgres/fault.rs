//! What an error of the database asks for. Source: PostgreSQL, appendix A, as far as diesel shows it.
//!
//! diesel hides the SQLSTATE of most classes, so some are told by their text; what a server in
//! another language says stays a fault, which the lane isolates all the same.

use diesel::result::{DatabaseErrorKind, Error};

use crate::ledger::LedgerError;

const IN_THE_WAY: [&str; 2] = ["deadlock detected", "lock timeout"];
const OUT_OF_REACH: [&str; 9] = [
    "terminating connection",
    "the database system is",
    "no space left",
    "could not extend",
    "out of memory",
    "out of shared memory",
    "too many",
    "remaining connection slots",
    "statement timeout",
];

/// What migrating says of a ledger that went away, or takes no writes; diesel hides its kind here.
const AWAY_WHILE_MIGRATING: [&str; 3] =
    ["read-only transaction", "connection closed", "communicating with the server"];

/// What an error of a migration asks for: a schema that cannot be, or another try.
pub(super) fn of_migration(message: &str) -> LedgerError {
    let lower = message.to_lowercase();
    let mut away = AWAY_WHILE_MIGRATING.iter().chain(&OUT_OF_REACH);
    if IN_THE_WAY.iter().any(|phrase| lower.contains(phrase)) {
        LedgerError::Conflict(without_secrets(message))
    } else if away.any(|phrase| lower.contains(phrase)) {
        LedgerError::Unreachable(without_secrets(message))
    } else {
        LedgerError::Fault(message.to_owned())
    }
}

impl From<Error> for LedgerError {
    fn from(error: Error) -> Self {
        use DatabaseErrorKind::{
            CheckViolation, ClosedConnection, ExclusionViolation, ForeignKeyViolation,
            NotNullViolation, ReadOnlyTransaction, RestrictViolation, SerializationFailure,
            UnableToSendCommand, UniqueViolation,
        };
        let Error::DatabaseError(kind, information) = &error else {
            return match error {
                Error::BrokenTransactionManager => Self::Unreachable(error.to_string()),
                other => Self::Fault(without_secrets(&other.to_string())),
            };
        };
        // A message may quote values; a constraint's name never does, nor do the hints of our triggers.
        let rule = match (information.constraint_name(), information.hint(), kind) {
            (Some(name), ..) => name.to_owned(),
            (None, Some(hint), CheckViolation) => format!("a rule of the schema: {hint}"),
            (None, ..) => "a rule of the schema".to_owned(),
        };
        let message = information.message().to_lowercase();
        let says = |phrases: &[&str]| phrases.iter().any(|phrase| message.contains(phrase));
        match kind {
            UniqueViolation | ForeignKeyViolation | NotNullViolation | CheckViolation
            | ExclusionViolation | RestrictViolation => Self::Refused(rule),
            SerializationFailure => Self::Conflict("serialization failure".to_owned()),
            ReadOnlyTransaction | ClosedConnection | UnableToSendCommand => {
                Self::Unreachable(without_secrets(&message))
            }
            // The enum is open: what we do not know is told by its text.
            _ if says(&IN_THE_WAY) => Self::Conflict(without_secrets(&message)),
            _ if says(&OUT_OF_REACH) => Self::Unreachable(without_secrets(&message)),
            _ => Self::Fault(without_secrets(&message)),
        }
    }
}

/// How a message about a name goes on behind it.
const TAILS: [&str; 4] =
    ["", " does not exist", " already exists", " is not currently accepting connections"];

/// Server messages quote names and values in double quotes: what stands there is left out. Where a value may hold
/// quotes of its own, only what stands before the first is kept.
pub(super) fn without_secrets(message: &str) -> String {
    let line = message.lines().next().unwrap_or_default();
    let mut parts = line.split('"');
    match (parts.next(), parts.next(), parts.next(), parts.next()) {
        (Some(before), Some(_), Some(tail), None) if TAILS.contains(&tail) => {
            format!("{before}\"…\"{tail}")
        }
        (before, ..) => before.unwrap_or_default().trim().trim_end_matches(':').to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_says_what_is_wrong_and_no_value() {
        for (message, kept) in [
            ("role \"quittance\" does not exist", "role \"…\" does not exist"),
            ("relation \"orders\" does not exist\nline 1", "relation \"…\" does not exist"),
            ("invalid input syntax for type uuid: \"a\"b\"", "invalid input syntax for type uuid"),
            ("invalid input syntax: \"a", "invalid input syntax"),
            ("invalid input syntax: \"a\"b\n\"", "invalid input syntax"),
            ("connection closed", "connection closed"),
        ] {
            assert_eq!(without_secrets(message), kept, "{message}");
        }
    }
}
