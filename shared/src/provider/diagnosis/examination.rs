//! One rejected request, looked at from all sides: what is certain first, what is likely last.

use super::super::public_key::PublicKey;
use super::super::{Received, Rejection, Request};
use super::signature::{self, Hash};
use super::{Case, Cause, Diagnosis, clock, search, traces};

pub(super) fn examine(case: &Case<'_>, rejection: Rejection, blank: Diagnosis) -> Diagnosis {
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
    if let Some((cause, detail)) = traces::damage(case.received) {
        return blank.likely(cause, detail);
    }
    if let Some(request) = request
        && let Some(detail) = sandboxed(case, request)
    {
        return blank.likely(Cause::Sandbox, detail);
    }
    if rejection == Rejection::UnknownKey {
        return blank.proven(Cause::UnknownSerial, named_keys(case));
    }
    blank.proven(Cause::ForeignKey, named_keys(case))
}

/// Does it look like one of the provider's other environment? With what shows it, where it is a field.
fn sandboxed(case: &Case<'_>, request: &Request) -> Option<Option<String>> {
    match case.account.scheme.other_environment(request) {
        Some(field) => Some(Some(format!("`{field}` is another than configured"))),
        None => traces::is_of_a_sandbox(case.received, &request.headers).then_some(None),
    }
}

/// Nothing could be undone: what the request and its rejection leave to say.
fn remaining(case: &Case<'_>, rejection: Rejection, looked: Looked, blank: Diagnosis) -> Diagnosis {
    if let Some((cause, detail)) =
        traces::damage(case.received).or_else(|| traces::corruption(case.received))
    {
        return blank.likely(cause, detail);
    }
    let is_foreign = matches!(rejection, Rejection::Forged | Rejection::UnknownKey);
    let request = case.received.request(case.account.provider()).ok();
    if let Some(request) = request.filter(|_| is_foreign)
        && matches!(looked, Looked::Unseen)
        && let Some(detail) = sandboxed(case, &request)
    {
        return blank.likely(Cause::Sandbox, detail);
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
