//! Looking for the corruption: each inverse is applied and its proposals are verified, within limits.

use super::super::{Accounts, Received, Rejection};
use super::cause::Cause;
use super::undo::{Clues, Mended, TABLE};
use super::{Case, Effort, verified};

/// Proposals that are verified in all, and of one inverse. Each costs a verification: some 20 µs for
/// each RSA key.
const QUICK: Limits = Limits { attempts: 192, each: 64, accounts: 8, pairs: 0 };
const THOROUGH: Limits = Limits { attempts: 4_096, each: 1_024, accounts: 64, pairs: 24 };
/// A larger body is not taken apart.
const BODY_MAX_BYTES: usize = 1 << 20;

struct Limits {
    attempts: usize,
    each: usize,
    accounts: usize,
    /// Proposals of one inverse that a second one goes on from.
    pairs: usize,
}

/// What was undone, and with which key it then verified.
pub(super) struct Found {
    pub(super) cause: Cause,
    pub(super) also: Option<Cause>,
    pub(super) key: Option<String>,
    pub(super) detail: Option<String>,
}

struct Search<'a> {
    case: &'a Case<'a>,
    rejection: Rejection,
    clues: &'a Clues,
    attempts: usize,
}

impl Effort {
    fn limits(self) -> &'static Limits {
        match self {
            Self::Quick => &QUICK,
            Self::Thorough => &THOROUGH,
        }
    }
}

/// How a proposal did.
enum Verdict {
    Genuine(String),
    /// Its signature is right now, but something else is not.
    Otherwise(Cause),
    Refused,
}

/// One corruption; where none is found, two, one beneath the other.
pub(super) fn search(case: &Case<'_>, rejection: Rejection) -> Option<Found> {
    if case.received.body.len() > BODY_MAX_BYTES {
        return None;
    }
    let key_ids = case.account.scheme.keys().into_iter().map(|key| key.id).collect();
    let clues = Clues { provider: case.account.provider(), key_ids };
    let mut search = Search { case, rejection, clues: &clues, attempts: 0 };
    let limits = case.effort.limits();
    search.one(case.received, limits.each).or_else(|| search.two(limits.pairs))
}

/// Another account that takes the request, or whose key at least signed it.
pub(super) fn of_another_account(case: &Case<'_>, rejection: Rejection) -> Option<(Cause, String)> {
    let Accounts(accounts) = case.accounts;
    let provider = case.account.provider();
    let mut others: Vec<_> =
        accounts.values().filter(|other| other.name != case.account.name).collect();
    // Those of the same provider first, then by name, so that two runs find the same.
    others.sort_by_key(|other| (other.provider() != provider, &other.name));
    others.truncate(case.effort.limits().accounts);
    let mut signed = None;
    for other in others {
        match verified(other, case.received, case.now) {
            Ok(_) => return Some((Cause::OtherAccount, other.name.clone())),
            Err(refusal) if other.provider() == provider && beneath(refusal).is_some() => {
                signed = signed.or(Some(other));
            }
            Err(_) => (),
        }
    }
    // Where our own key fits as well, whose key it is says nothing.
    let is_foreign = matches!(rejection, Rejection::Forged | Rejection::UnknownKey);
    signed.filter(|_| is_foreign).map(|other| (Cause::OtherAccountsKey, other.name.clone()))
}

impl Search<'_> {
    fn one(&mut self, received: &Received, each: usize) -> Option<Found> {
        for (cause, undo) in TABLE {
            for Mended { received, detail } in undo(received, self.clues).take(each) {
                let found = |key, also| Found { cause: *cause, also, key, detail };
                match self.verify(&received)? {
                    Verdict::Genuine(key) => return Some(found(Some(key), None)),
                    Verdict::Otherwise(beneath) => return Some(found(None, Some(beneath))),
                    Verdict::Refused => (),
                }
            }
        }
        None
    }

    fn two(&mut self, each: usize) -> Option<Found> {
        for (cause, undo) in TABLE {
            for first in undo(self.case.received, self.clues).take(each) {
                if let Some(second) = self.one(&first.received, each) {
                    let details: Vec<_> =
                        [first.detail, second.detail].into_iter().flatten().collect();
                    let detail = (!details.is_empty()).then(|| details.join("; "));
                    let also = Some(second.cause);
                    return Some(Found { cause: *cause, also, key: second.key, detail });
                }
            }
        }
        None
    }

    /// Nothing once the attempts are used up.
    fn verify(&mut self, received: &Received) -> Option<Verdict> {
        if self.attempts >= self.case.effort.limits().attempts {
            return None;
        }
        self.attempts += 1;
        let verified = verified(self.case.account, received, self.case.now);
        let was_forged = self.rejection == Rejection::Forged;
        Some(match verified.map_err(beneath) {
            Ok(verified) => Verdict::Genuine(verified.key().to_owned()),
            Err(Some(beneath)) if was_forged => Verdict::Otherwise(beneath),
            Err(_) => Verdict::Refused,
        })
    }
}

/// Where a forged request is refused for this once it is changed, its signature had become right.
fn beneath(rejection: Rejection) -> Option<Cause> {
    match rejection {
        Rejection::NotOurs(_) => Some(Cause::NotOurs),
        Rejection::NotANotification => Some(Cause::NotANotification),
        Rejection::Ambiguous => Some(Cause::Ambiguous),
        Rejection::Malformed(_)
        | Rejection::Unsigned
        | Rejection::WrongAlgorithm
        | Rejection::UnknownKey
        | Rejection::Stale
        | Rejection::Forged
        | Rejection::NoReturn => None,
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::senders::{NOW, all};
    use super::*;

    #[test]
    fn no_body_costs_more_attempts_than_the_limit() {
        let pairs: String = (0..200).map(|number| format!("&x{number}=a+b+c%20d")).collect();
        let members: String = (0..200).map(|number| format!(",\"x{number}\":\"</é>\"")).collect();
        for sender in all() {
            for body in [format!("sign=x{pairs}"), format!("{{\"a\":[]{members}}}")] {
                let received = sender.genuine.with_body(body);
                let case = Case {
                    account: &sender.account,
                    accounts: &sender.others,
                    own_key: None,
                    received: &received,
                    now: NOW,
                    effort: Effort::Quick,
                };
                let provider = sender.account.provider();
                let clues = Clues { provider, key_ids: vec!["k".to_owned(); 8] };
                let rejection = Rejection::Forged;
                let mut search = Search { case: &case, rejection, clues: &clues, attempts: 0 };
                assert!(search.one(&received, usize::MAX).is_none());
                assert!(search.attempts <= QUICK.attempts);
            }
        }
    }
}
