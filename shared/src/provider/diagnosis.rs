//! The signature doctor: why a request does not verify.
//!
//! It undoes each known corruption and verifies again, with the very function that guards the door,
//! and looks into RSA signatures for whose they are.
//!
//! **Invariant**: it lets nothing in. What it finds goes to a counter and to people; its work is
//! bounded by [`Effort`], and nothing of the request but names of headers and parameters is told.

use time::OffsetDateTime;

use super::public_key::PublicKey;
use super::{Account, Accounts, Received, Rejection, Request, Verified};

pub mod cause;
mod clock;
mod search;
mod signature;
mod traces;
mod undo;

pub use self::cause::Cause;
use self::search::Found;
use self::signature::Hash;

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
    Err(Box::new(examine(case, rejection, blank)))
}

fn verified(
    account: &Account,
    received: &Received,
    now: OffsetDateTime,
) -> Result<Verified, Rejection> {
    super::verify(account, received.request(account.provider())?, now)
}

fn examine(case: &Case<'_>, rejection: Rejection, blank: Diagnosis) -> Diagnosis {
    if traces::is_probe(case.received, case.account.provider().headers()) {
        return blank.proven(Cause::Probe, None);
    }
    // What is stale is looked at as of its signed time, so that what else is wrong shows.
    let mut case = *case;
    let mut blank = blank;
    let mut rejection = rejection;
    if rejection == Rejection::Stale
        && let Some((signed_at, inner)) = clock::signed_at(&case)
    {
        let seconds = (case.now - signed_at).whole_seconds();
        blank.skew_seconds = Some(seconds);
        match inner {
            Ok(verified) => {
                blank.key = Some(verified.key().to_owned());
                return blank.proven(Cause::ClockSkew, Some(clock::told(seconds)));
            }
            Err(inner) => (rejection, case.now) = (inner, signed_at),
        }
    }
    let request = case.received.request(case.account.provider()).ok();
    if let Some((cause, detail)) = stated(&case, rejection) {
        return blank.proven(cause, detail);
    }
    let looked = match &request {
        Some(request) => signed_by(&case, request),
        None => Looked::Unseen,
    };
    match looked {
        Looked::Weak(hash) => {
            let detail = format!("the signature is over a {} digest", hash.as_str());
            return blank.proven(Cause::SignType, Some(detail));
        }
        Looked::Foreign => return foreign(&case, rejection, request.as_ref(), blank),
        Looked::Right | Looked::Unseen => (),
    }
    match search::search(&case, rejection) {
        Some(found) => blank.found(found),
        None => remaining(&case, rejection, looked, blank),
    }
}

/// What the rejection says by itself, or another account.
fn stated(case: &Case<'_>, rejection: Rejection) -> Option<(Cause, Option<String>)> {
    if let Some((cause, name)) = search::of_another_account(case, rejection) {
        return Some((cause, Some(format!("account {name}"))));
    }
    match rejection {
        Rejection::NotOurs(field @ ("live" | "livemode" | "environment")) => {
            Some((Cause::Sandbox, Some(format!("`{field}` is another than configured"))))
        }
        Rejection::NotOurs(field) => {
            Some((Cause::NotOurs, Some(format!("`{field}` is another than configured"))))
        }
        Rejection::NotANotification if is_return_link(case.received) => {
            Some((Cause::ReturnLink, None))
        }
        Rejection::NotANotification => Some((Cause::NotANotification, None)),
        Rejection::Ambiguous => Some((Cause::Ambiguous, None)),
        Rejection::Malformed(_)
        | Rejection::Unsigned
        | Rejection::WrongAlgorithm
        | Rejection::UnknownKey
        | Rejection::Stale
        | Rejection::Forged
        | Rejection::NoReturn => None,
    }
}

/// The method of a return ends so: `alipay.trade.page.pay.return`.
fn is_return_link(received: &Received) -> bool {
    received.body.windows(7).any(|window| window == b".return")
}

/// What an RSA signature shows by itself.
#[derive(Clone, Copy)]
enum Looked {
    /// A configured key made it, over another text.
    Right,
    /// A configured key made it, with another hash.
    Weak(Hash),
    /// No configured key made it.
    Foreign,
    /// There is none to look into.
    Unseen,
}

fn signed_by(case: &Case<'_>, request: &Request) -> Looked {
    let scheme = &case.account.scheme;
    let keys = scheme.rsa_keys();
    let Some(signature) = scheme.rsa_signature(request).filter(|_| !keys.is_empty()) else {
        return Looked::Unseen;
    };
    match signature::made_by(&keys, &signature) {
        Some(Hash::Sha256) => Looked::Right,
        Some(hash @ (Hash::Sha1 | Hash::Other)) => Looked::Weak(hash),
        None => Looked::Foreign,
    }
}

fn foreign(
    case: &Case<'_>,
    rejection: Rejection,
    request: Option<&Request>,
    blank: Diagnosis,
) -> Diagnosis {
    let keys = case.account.scheme.rsa_keys();
    let is_own = |own: &PublicKey| keys.iter().any(|key| key.fingerprint() == own.fingerprint());
    if let Some(own) = case.own_key.filter(|own| is_own(own)) {
        return blank.proven(Cause::OwnKey, Some(format!("key {}", own.fingerprint())));
    }
    let is_of_a_sandbox =
        request.is_some_and(|request| traces::is_of_a_sandbox(case.received, &request.headers));
    if is_of_a_sandbox {
        return blank.likely(Cause::Sandbox, None);
    }
    if rejection == Rejection::UnknownKey {
        return blank.proven(Cause::UnknownSerial, named_keys(case));
    }
    blank.proven(Cause::ForeignKey, named_keys(case))
}

/// Nothing could be undone: what the request and its rejection leave to say.
fn remaining(case: &Case<'_>, rejection: Rejection, looked: Looked, blank: Diagnosis) -> Diagnosis {
    if let Some((cause, detail)) = traces::corruption(case.received) {
        return blank.likely(cause, detail);
    }
    match rejection {
        Rejection::UnknownKey => blank.proven(Cause::UnknownSerial, named_keys(case)),
        Rejection::WrongAlgorithm => blank.proven(Cause::SignType, None),
        Rejection::Unsigned => match missing(case) {
            names if names.is_empty() => blank.proven(Cause::Unsigned, None),
            names => blank.proven(Cause::HeaderLost, Some(names.join(", "))),
        },
        Rejection::Malformed(what) => blank.proven(Cause::Malformed, Some(what.to_owned())),
        Rejection::Forged
        | Rejection::Stale
        | Rejection::Ambiguous
        | Rejection::NotOurs(_)
        | Rejection::NotANotification
        | Rejection::NoReturn => match looked {
            Looked::Right => blank.proven(Cause::BytesChanged, None),
            Looked::Weak(_) | Looked::Foreign | Looked::Unseen => {
                blank.likely(Cause::Unknown, None)
            }
        },
    }
}

fn missing(case: &Case<'_>) -> Vec<&'static str> {
    let names = case.account.provider().headers().iter().copied();
    names.filter(|name| case.received.header(name).is_none()).collect()
}

fn named_keys(case: &Case<'_>) -> Option<String> {
    let keys: Vec<_> = case.account.scheme.keys().into_iter().map(|key| key.id).collect();
    (!keys.is_empty()).then(|| format!("configured: {}", keys.join(", ")))
}

impl Diagnosis {
    fn proven(self, cause: Cause, detail: Option<String>) -> Self {
        Self { cause, detail, confidence: Confidence::Proven, ..self }
    }

    fn likely(self, cause: Cause, detail: Option<String>) -> Self {
        Self { cause, detail, confidence: Confidence::Likely, ..self }
    }

    fn found(self, found: Found) -> Self {
        Self { also: found.also, key: found.key, ..self.proven(found.cause, found.detail) }
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
