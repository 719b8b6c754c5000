//! One rejected request, looked at from all sides: what is certain first, what is likely last.

use super::super::protocol::{Distrust, RsaSignature};
use super::super::public_key::PublicKey;
use super::super::{KeyNote, Received, Rejection, Request};
use super::signature::{self, Hash};
use super::{Case, Cause, Diagnosis, clock, search, traces};

/// A cause, and what can be told of it.
type Finding = (Cause, Option<String>);

pub(super) fn examine(case: &Case<'_>, rejection: Rejection, blank: Diagnosis) -> Diagnosis {
    if traces::is_probe(case.received, case.account.provider().headers()) {
        return blank.proven((Cause::Probe, None));
    }
    let signed_at = match rejection {
        Rejection::Stale => clock::signed_at(case),
        Rejection::Malformed(_)
        | Rejection::Unsigned
        | Rejection::WrongAlgorithm
        | Rejection::UnknownKey
        | Rejection::Forged
        | Rejection::Ambiguous
        | Rejection::NotOurs(_)
        | Rejection::NotANotification
        | Rejection::NoReturn => None,
    };
    let Some((signed_at, result)) = signed_at else { return look(case, rejection, blank) };
    let seconds = (case.now - signed_at).whole_seconds();
    let blank = Diagnosis { skew_seconds: Some(seconds), ..blank };
    match result {
        Ok(verified) => {
            let key = Some(verified.key().to_owned());
            let told = Some(clock::told(seconds));
            Diagnosis { key, ..blank }.proven((Cause::ClockSkew, told))
        }
        // Looked at as of its signed time, what else is wrong shows.
        Err(rejection) => look(&Case { now: signed_at, ..*case }, rejection, blank),
    }
}

fn look(case: &Case<'_>, rejection: Rejection, blank: Diagnosis) -> Diagnosis {
    let request = case.received.request(case.account.provider()).ok();
    let request = request.as_ref();
    let rsa = request.and_then(|request| case.account.scheme.rsa(request, case.now));
    let hash = rsa.as_ref().map(|rsa| signature::made_by(&rsa.keys, &rsa.signature));
    // What is wrong here must be mended, whichever other account would take it.
    if let (Some(rsa), Some(None)) = (&rsa, hash)
        && let Some(finding) = own(case, rsa)
    {
        return blank.proven(finding);
    }
    if let Some((cause, name)) = search::of_another_account(case, rejection) {
        return blank.proven((cause, Some(format!("account {name}"))));
    }
    if let Some(finding) = stated(case.received, rejection) {
        return blank.proven(finding);
    }
    if let (Some(_), Some(None)) = (&rsa, hash) {
        return foreign(case, rejection, blank);
    }
    let pinned = rsa.as_ref().map(|rsa| Hash::from(rsa.hash));
    if let Some(hash) = hash.flatten().filter(|hash| pinned != Some(*hash)) {
        let detail = format!("the signature is over a digest by {}", hash.as_str());
        return blank.proven((Cause::SignType, Some(detail)));
    }
    if let Some(found) = search::search(case, rejection) {
        return blank.found(found);
    }
    if let Some(finding) = traces::damage(case.received) {
        return blank.likely(finding);
    }
    if let Some(finding) = traces::corruption(case.received) {
        return blank.likely(finding);
    }
    let is_right = hash.is_some();
    // Where a key need not be named, the one that made the signature is there already.
    let names_key = rsa.as_ref().is_none_or(|rsa| rsa.names_key);
    if is_right && rejection == Rejection::UnknownKey && !names_key {
        return blank.proven((Cause::BytesChanged, None));
    }
    match remaining(case, rejection, request) {
        Some(finding) => blank.proven(finding),
        None if is_right => blank.proven((Cause::BytesChanged, None)),
        None => match request.and_then(|request| sandboxed(case, request)) {
            Some(finding) => blank.likely(finding),
            None => blank.likely((Cause::Unknown, None)),
        },
    }
}

/// What the rejection says by itself.
fn stated(received: &Received, rejection: Rejection) -> Option<Finding> {
    let differs = |field| Some(format!("`{field}` is another than configured"));
    match rejection {
        Rejection::NotOurs(field @ ("live" | "livemode" | "environment")) => {
            Some((Cause::Sandbox, differs(field)))
        }
        Rejection::NotOurs(field) => Some((Cause::NotOurs, differs(field))),
        Rejection::NotANotification if is_return_link(received) => Some((Cause::ReturnLink, None)),
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

/// The shop's own key stands among those that were configured, none of which made the signature.
fn own(case: &Case<'_>, rsa: &RsaSignature) -> Option<Finding> {
    let is_own =
        |own: &&PublicKey| rsa.keys.iter().any(|key| key.fingerprint() == own.fingerprint());
    let own = case.own_key.filter(is_own)?;
    Some((Cause::OwnKey, Some(format!("key {}", own.fingerprint()))))
}

/// No configured key made the signature, so nothing that happened to the text matters.
fn foreign(case: &Case<'_>, rejection: Rejection, blank: Diagnosis) -> Diagnosis {
    let request = case.received.request(case.account.provider()).ok();
    let sandboxed = || sandboxed(case, request.as_ref()?);
    if let Some(finding) = traces::damage(case.received).or_else(sandboxed) {
        return blank.likely(finding);
    }
    let is_unnamed = rejection == Rejection::UnknownKey;
    let cause = if is_unnamed { Cause::UnknownSerial } else { Cause::ForeignKey };
    blank.proven((cause, configured(case)))
}

/// Does it look like one of the provider's other environment?
fn sandboxed(case: &Case<'_>, request: &Request) -> Option<Finding> {
    let field = case.account.scheme.other_environment(request);
    let differs = field.map(|field| format!("`{field}` is another than configured"));
    let is_marked = || traces::is_of_a_sandbox(case.received, &request.headers);
    (differs.is_some() || is_marked()).then_some((Cause::Sandbox, differs))
}

/// Nothing could be undone: what the rejection leaves to say, if that is certain.
fn remaining(case: &Case<'_>, rejection: Rejection, request: Option<&Request>) -> Option<Finding> {
    match rejection {
        Rejection::UnknownKey if request.and_then(|one| sandboxed(case, one)).is_some() => None,
        Rejection::UnknownKey => Some(unknown(case, request)),
        Rejection::WrongAlgorithm => Some((Cause::SignType, None)),
        Rejection::Unsigned => {
            let needed = request.map_or(&[][..], |one| case.account.scheme.needed(one)).iter();
            let missing: Vec<_> =
                needed.copied().filter(|name| case.received.header(name).is_none()).collect();
            Some(match missing.is_empty() {
                true => (Cause::Unsigned, None),
                false => (Cause::HeaderLost, Some(missing.join(", "))),
            })
        }
        Rejection::Malformed(what) => Some((Cause::Malformed, Some(what.to_owned()))),
        Rejection::Forged
        | Rejection::Stale
        | Rejection::Ambiguous
        | Rejection::NotOurs(_)
        | Rejection::NotANotification
        | Rejection::NoReturn => None,
    }
}

/// A key or a certificate that is not known, or that is and yet does not count.
fn unknown(case: &Case<'_>, request: Option<&Request>) -> Finding {
    let told = |why: &str| [Some(why.to_owned()), configured(case)].into_iter().flatten();
    let told = |why| Some(told(why).collect::<Vec<_>>().join("; "));
    match request.and_then(|request| case.account.scheme.distrust(request, case.now)) {
        Some(Distrust::Unknown(why)) => (Cause::UnknownSerial, told(why)),
        Some(Distrust::Refused(why)) => (Cause::UntrustedCertificate, told(why)),
        None => (Cause::UnknownSerial, configured(case)),
    }
}

fn configured(case: &Case<'_>) -> Option<String> {
    let name = |key: KeyNote| match key.id == key.fingerprint {
        true => key.id,
        false => format!("{} (fingerprint {})", key.id, key.fingerprint),
    };
    let keys: Vec<_> = case.account.scheme.keys().into_iter().map(name).collect();
    (!keys.is_empty()).then(|| format!("configured: {}", keys.join(", ")))
}
