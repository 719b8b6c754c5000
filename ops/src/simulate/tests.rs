//! Every provider's scenarios against the door's own judgment and the worker's own reading.

use std::collections::BTreeMap;
use std::fs;
use std::sync::LazyLock;

use bytes::Bytes;
use clap::ValueEnum as _;
use shared::config::load;
use shared::notification::{
    AgreementChange, DisputeStatus, Fact, Notification, PaymentStatus, RefundStatus,
};
use shared::provider::{
    self, Account, Genuine, Headers, Reader, Rejection, Request, Unreadable, Verified,
};
use time::macros::datetime;

use super::*;

pub(super) const NOW: OffsetDateTime = datetime!(2026-11-23 12:00:00 UTC);
const ACCOUNT: &str = "shop";
const MINOR: i64 = 1000;

/// One provider with an account that trusts its simulation.
pub(super) struct Stand {
    provider: Provider,
    account: Account,
    reader: Reader,
    sender: Box<dyn Sender>,
}

static STANDS: LazyLock<BTreeMap<Provider, Stand>> =
    LazyLock::new(|| Provider::ALL.iter().map(|provider| (*provider, build(*provider))).collect());

pub(super) fn stand(provider: Provider) -> &'static Stand {
    &STANDS[&provider]
}

fn build(provider: Provider) -> Stand {
    let folder = tempfile::tempdir().unwrap();
    let sample = sample(provider, ACCOUNT);
    for (file, text) in &sample.files {
        let path = folder.path().join(file);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }
    let base = folder.path().to_owned();
    let config = load::parse(&sample.section, std::iter::empty(), base).unwrap();
    let section = &config.accounts[ACCOUNT];
    let mut signing = Signing::new(ACCOUNT, &config.base, None, NOW);
    let sender = open(&section.own, &mut signing).unwrap();
    let account = section.account(ACCOUNT, &config.base).unwrap();
    let reader = section.reader(ACCOUNT, &config.base).unwrap();
    assert_eq!(config.check(), []);
    Stand { provider, account, reader, sender }
}

impl Stand {
    pub(super) fn terms(&self) -> Terms {
        Terms {
            order_no: "A-1".into(),
            amount: Money { minor: MINOR, currency: self.sender.currency() },
            agreement: "S-1".into(),
            seed: 7,
            charge: 0,
            now: NOW,
        }
    }

    pub(super) fn simulated(&self, scenario: Scenario) -> Simulated {
        self.sender.simulate(scenario, &self.terms()).unwrap()
    }

    pub(super) fn verified(&self, scenario: Scenario) -> Result<Verified, Rejection> {
        let simulated = self.simulated(scenario);
        let headers = simulated.headers.iter().map(|(name, value)| (*name, value.as_bytes()));
        let headers = Headers::new(headers).unwrap();
        provider::verify(&self.account, Request { headers, body: Bytes::from(simulated.body) }, NOW)
    }

    pub(super) fn read(&self, scenario: Scenario) -> Result<Vec<Notification>, Unreadable> {
        let verified = self.verified(scenario).unwrap();
        let http = verified.carried().to_vec();
        let body = verified.into_body();
        let genuine = Genuine { http: &http, received_at: NOW, body: &body };
        self.reader.read(&genuine)
    }

    /// Those that are let in and can be read.
    fn accepted(&self) -> impl Iterator<Item = Scenario> {
        let scenarios = self.sender.scenarios().into_iter();
        scenarios.filter(|scenario| {
            let is_accepted = self.simulated(*scenario).expected == Expected::Accepted;
            is_accepted && self.read(*scenario).is_ok()
        })
    }
}

fn each(check: impl Fn(&Stand)) {
    STANDS.values().for_each(check);
}

#[test]
fn every_scenario_meets_the_verdict_it_states() {
    each(|stand| {
        for scenario in stand.sender.scenarios() {
            let verdict = stand.verified(scenario);
            let expected = stand.simulated(scenario).expected;
            let provider = stand.provider;
            let is_met = verdict.is_ok() == (expected == Expected::Accepted);
            assert!(is_met, "{provider:?} {scenario:?}: {verdict:?}");
        }
    });
}

#[test]
fn a_provider_plays_what_it_lists_and_nothing_else() {
    each(|stand| {
        let known = stand.sender.scenarios();
        assert!(known.is_sorted(), "{:?}", stand.provider);
        for scenario in Scenario::value_variants() {
            let made = stand.sender.simulate(*scenario, &stand.terms());
            assert_eq!(
                made.is_some(),
                known.contains(scenario),
                "{:?} {scenario:?}",
                stand.provider
            );
        }
        for needed in [Scenario::Paid, Scenario::Duplicate, Scenario::Forged, Scenario::WrongAmount]
        {
            assert!(known.contains(&needed), "{:?} {needed:?}", stand.provider);
        }
    });
}

#[test]
fn a_seed_gives_the_same_bytes_and_another_seed_another_request() {
    each(|stand| {
        for scenario in stand.sender.scenarios() {
            let of = |seed| stand.sender.simulate(scenario, &Terms { seed, ..stand.terms() });
            assert_eq!(of(1), of(1), "{:?} {scenario:?}", stand.provider);
            assert_ne!(of(1), of(2), "{:?} {scenario:?}", stand.provider);
        }
    });
}

#[test]
fn a_forgery_differs_from_the_genuine_payment_by_one_byte() {
    each(|stand| {
        let (paid, forged) = (stand.simulated(Scenario::Paid), stand.simulated(Scenario::Forged));
        let pairs = paid.body.bytes().zip(forged.body.bytes());
        assert_eq!(pairs.filter(|(genuine, forged)| genuine != forged).count(), 1);
        assert_eq!(paid.body.len(), forged.body.len());
        assert_eq!(paid.headers, forged.headers);
        assert_eq!(stand.verified(Scenario::Forged).unwrap_err(), Rejection::Forged);
    });
}

#[test]
fn a_repeat_is_the_same_notification_and_another_story_another() {
    each(|stand| {
        let identities = |scenario| -> Vec<_> {
            stand.read(scenario).unwrap().into_iter().map(|read| read.identity).collect()
        };
        assert_eq!(identities(Scenario::Paid), identities(Scenario::Duplicate));
        let mut seen = BTreeMap::new();
        // A batch repeats what is told by itself.
        let repeats = [Scenario::Duplicate, Scenario::Batch];
        for scenario in stand.accepted().filter(|scenario| !repeats.contains(scenario)) {
            for identity in identities(scenario) {
                let before = seen.insert(identity, scenario);
                assert_eq!(before, None, "{:?} {scenario:?}", stand.provider);
            }
        }
    });
}

#[test]
fn every_accepted_scenario_says_what_it_means() {
    each(|stand| {
        for scenario in stand.accepted() {
            let facts: Vec<_> =
                stand.read(scenario).unwrap().into_iter().map(|read| read.fact).collect();
            let told: Vec<_> = facts.iter().map(tell).collect();
            let (meant, provider) = (meaning(stand, scenario), stand.provider);
            assert_eq!(told, meant, "{provider:?} {scenario:?}: {facts:?}");
        }
    });
}

#[test]
fn all_messages_about_a_payment_share_its_transaction() {
    each(|stand| {
        let transactions = |scenario| -> Vec<_> {
            let facts = stand.read(scenario).unwrap().into_iter().filter_map(|read| read.fact);
            facts.filter_map(|fact| fact.transaction().map(ToOwned::to_owned)).collect()
        };
        let paid = transactions(Scenario::Paid);
        let of_one = |scenario: &Scenario| {
            let is_apart = is_combined(stand, *scenario) || is_authorisation(stand, *scenario);
            scenario.transaction() == 0 && !is_apart
        };
        for scenario in stand.accepted().filter(of_one) {
            for transaction in transactions(scenario) {
                assert_eq!([transaction], paid[..], "{:?} {scenario:?}", stand.provider);
            }
        }
        assert_ne!(transactions(Scenario::WrongAmount), paid);
    });
}

/// WeChat's combined order is two payments.
fn is_combined(stand: &Stand, scenario: Scenario) -> bool {
    stand.provider == Provider::WechatPay && scenario == Scenario::Batch
}

/// What PayPal captures has another number than its authorisation.
fn is_authorisation(stand: &Stand, scenario: Scenario) -> bool {
    let about_one = matches!(scenario, Scenario::Authorised | Scenario::Closed);
    stand.provider == Provider::PayPal && about_one
}

/// One fact in a line: what kind, how far, how much.
fn tell(fact: &Option<Fact>) -> String {
    match fact {
        None => "nothing".to_owned(),
        Some(Fact::Payment(payment)) => {
            let refunded = payment.refund_total.as_ref().map(|total| total.total_minor);
            let refunded = refunded.map(|minor| format!(", {minor} back")).unwrap_or_default();
            let (status, minor) = (payment.status.as_str(), payment.amount.minor);
            let agreement = if payment.agreement.is_some() { " under agreement" } else { "" };
            // A word that names no order bears its transaction's number.
            let is_named = payment.order_number != payment.transaction;
            let order = if is_named { &payment.order_number } else { "nobody" };
            format!("{status} {minor} for {order}{refunded}{agreement}")
        }
        Some(Fact::Refund(refund)) => {
            format!("refund {} {}", refund.status.as_str(), refund.amount.minor)
        }
        Some(Fact::Agreement(agreement)) => match &agreement.change {
            AgreementChange::Signed { .. } => "signed".to_owned(),
            AgreementChange::ChargeFailed { .. } => "charge failed".to_owned(),
            AgreementChange::Ended => "ended".to_owned(),
        },
        Some(Fact::Dispute(dispute)) => format!("dispute {}", dispute.status.as_str()),
    }
}

/// Alipay tells the total refunded with the payment, the others a refund by itself.
fn meaning(stand: &Stand, scenario: Scenario) -> Vec<String> {
    let tells_totals = stand.provider == Provider::Alipay;
    let payment = |status: PaymentStatus| format!("{} 1000 for A-1", status.as_str());
    let refund = |status: RefundStatus, minor| format!("refund {} {minor}", status.as_str());
    let back = |minor| {
        if tells_totals {
            format!("{}, {minor} back", payment(PaymentStatus::Succeeded))
        } else {
            refund(RefundStatus::Succeeded, minor)
        }
    };
    let dispute = |status: DisputeStatus| format!("dispute {}", status.as_str());
    let paid = payment(PaymentStatus::Succeeded);
    vec![match scenario {
        Scenario::Paid | Scenario::Duplicate | Scenario::WrongSeller => paid,
        Scenario::RefundPartial => back(500),
        Scenario::RefundFull => back(1000),
        Scenario::RefundFailed => refund(RefundStatus::Failed, 1000),
        Scenario::RefundReversed => refund(RefundStatus::Reversed, 1000),
        // Its cancellation bears a reference of the shop's own where an order would stand.
        Scenario::Closed if stand.provider == Provider::Adyen => {
            "closed 1000 for nobody".to_owned()
        }
        Scenario::Closed => payment(PaymentStatus::Closed),
        Scenario::Failed => payment(PaymentStatus::Failed),
        Scenario::Pending => payment(PaymentStatus::Pending),
        Scenario::Authorised => payment(PaymentStatus::Authorised),
        Scenario::Finished => payment(PaymentStatus::Finished),
        Scenario::WrongAmount => "succeeded 1001 for A-1".to_owned(),
        Scenario::UnknownType => "nothing".to_owned(),
        Scenario::AgreementSigned => "signed".to_owned(),
        Scenario::AgreementCharged => paid + " under agreement",
        Scenario::ChargeFailed => "charge failed".to_owned(),
        Scenario::AgreementEnded => "ended".to_owned(),
        Scenario::DisputeOpened => dispute(DisputeStatus::Opened),
        Scenario::DisputeWon => dispute(DisputeStatus::Won),
        Scenario::DisputeLost => dispute(DisputeStatus::Lost),
        Scenario::Batch if is_combined(stand, scenario) => {
            return vec![paid.clone(), paid + "-2"];
        }
        Scenario::Batch => return vec![paid, refund(RefundStatus::Succeeded, 500)],
        Scenario::Forged
        | Scenario::Stale
        | Scenario::WrongApp
        | Scenario::WrongEnvironment
        | Scenario::Downgrade
        | Scenario::Return
        | Scenario::BatchForged => return vec![],
    }]
}
