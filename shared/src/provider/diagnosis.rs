//! The signature doctor: why a request does not verify.
//!
//! It undoes each known corruption and verifies again, with the very function that guards the door,
//! and looks into RSA signatures for whose they are.
//!
//! **Invariant**: it lets nothing in. What it finds goes to a counter and to people; its work is
//! bounded by [`Effort`], and nothing of the request but names of headers and parameters is told.

use time::OffsetDateTime;

use super::public_key::PublicKey;
use super::{Account, Accounts, Received, Rejection, Verified};

pub mod cause;
mod clock;
mod examination;
mod search;
mod signature;
mod traces;
mod undo;

pub use self::cause::Cause;
use self::search::Found;

/// What a diagnosis may draw on.
#[derive(Debug, Clone, Copy)]
pub struct Case<'a> {
    pub account: &'a Account,
    /// Every configured account: it may be another's.
    pub accounts: &'a Accounts,
    /// The shop's own key, where somebody gives it.
    pub own_key: Option<&'a PublicKey>,
    pub received: &'a Received,
    /// When it was received.
    pub now: OffsetDateTime,
    pub effort: Effort,
}

/// How much may be tried.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Effort {
    /// Beside live traffic.
    Quick,
    /// For a person who waits; corruptions are looked for in pairs, too.
    Thorough,
}

/// Why a request is not let in, and what most probably happened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Diagnosis {
    pub rejection: Rejection,
    pub cause: Cause,
    /// A second one beneath the first.
    pub also: Option<Cause>,
    pub confidence: Confidence,
    /// A key that verifies the request once the cause is undone.
    pub key: Option<String>,
    /// Which header, parameter, account or style: names and numbers, never values.
    pub detail: Option<String>,
    /// How long before it was received it was signed, in seconds, where that is outside the window.
    pub skew_seconds: Option<i64>,
}

/// How sure a diagnosis is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Confidence {
    /// It verifies once the cause is undone, or the signature itself shows it.
    Proven,
    /// Marks speak for it.
    Likely,
}

/// Verifies a request as the door does; where that fails, says why.
pub fn diagnose(case: &Case<'_>) -> Result<Verified, Box<Diagnosis>> {
    let rejection = match verified(case.account, case.received, case.now) {
        Ok(verified) => return Ok(verified),
        Err(rejection) => rejection,
    };
    let blank = Diagnosis {
        rejection,
        cause: Cause::Unknown,
        also: None,
        confidence: Confidence::Likely,
        key: None,
        detail: None,
        skew_seconds: None,
    };
    Err(Box::new(examination::examine(case, rejection, blank)))
}

fn verified(
    account: &Account,
    received: &Received,
    now: OffsetDateTime,
) -> Result<Verified, Rejection> {
    super::verify(account, received.request(account.provider())?, now)
}

impl Diagnosis {
    fn proven(self, (cause, detail): (Cause, Option<String>)) -> Self {
        Self { cause, detail, confidence: Confidence::Proven, ..self }
    }

    fn likely(self, (cause, detail): (Cause, Option<String>)) -> Self {
        Self { cause, detail, confidence: Confidence::Likely, ..self }
    }

    fn found(self, found: Found) -> Self {
        Self { also: found.also, key: found.key, ..self.proven((found.cause, found.detail)) }
    }
}

impl Confidence {
    /// The word in output.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Proven => "proven",
            Self::Likely => "likely",
        }
    }
}

#[cfg(test)]
mod tests;
