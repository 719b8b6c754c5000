//! What PayPal would post: events about captures, refunds, subscriptions and disputes.
//! Source: developer.paypal.com, Webhooks › Event names, and its samples.

use rsa::RsaPrivateKey;
use shared::money::Currency;
use shared::provider::Provider;
use shared::provider::paypal::published::Environment;
use shared::provider::paypal::{self, Section, sign};
use time::{Duration, OffsetDateTime};

use self::event::{Event, STORIES};
use super::certificate::Subject;
use super::purchase::{Purchase, another_if};
use super::scenario::sorted;
use super::signing::{OpenError, Signing, certificate_file};
use super::{Expected, Sample, Scenario, Sender, Simulated, Terms, Trust};

mod event;

const ALGORITHM: &str = "paypal-auth-algo";
/// Told as the payment is.
const OF_THE_PAYMENT: &[Scenario] = &[
    Scenario::Duplicate,
    Scenario::Forged,
    Scenario::WrongAmount,
    Scenario::WrongApp,
    Scenario::WrongSeller,
    Scenario::WrongEnvironment,
    Scenario::Downgrade,
];
const REJECTED: &[Scenario] = &[
    Scenario::Forged,
    Scenario::Stale,
    Scenario::WrongApp,
    Scenario::WrongEnvironment,
    Scenario::Downgrade,
];
/// Beyond what the account allows.
const TOO_LATE: Duration = Duration::minutes(10);

/// PayPal for one account.
pub(super) struct PayPal {
    section: Section,
    key: RsaPrivateKey,
    trust: Trust,
}

pub(super) fn sample(account: &str) -> Sample {
    let section = format!(
        "[accounts.{account}]\nprovider = \"paypal\"\nwebhook_id = \"4JH86294D6297924G\"\n\
         environment = \"sandbox\"\nmerchant_id = \"7KNGBPH2U58GQ\"\ncertificates = [\"{}\"]\n",
        certificate_file(account).display()
    );
    Sample { section, files: vec![] }
}

impl PayPal {
    pub(super) fn open(section: &Section, signing: &mut Signing<'_>) -> Result<Self, OpenError> {
        let (key, _) = signing.certified(Subject::PayPal(section.environment))?;
        let what = signing.certificate_file().display().to_string();
        Ok(Self { section: section.clone(), key, trust: Trust { key: "certificates", what } })
    }

    /// An account that takes any age has no replay.
    fn stale(&self) -> Option<Scenario> {
        (!self.section.max_age.0.is_zero()).then_some(Scenario::Stale)
    }

    fn sign(
        &self,
        body: &str,
        purchase: &Purchase,
        now: OffsetDateTime,
    ) -> Option<Vec<(&'static str, String)>> {
        let is = |scenario| purchase.scenario == scenario;
        let webhook_id = another_if(is(Scenario::WrongApp), &self.section.webhook_id);
        let environment = match (self.section.environment, is(Scenario::WrongEnvironment)) {
            (Environment::Live, false) | (Environment::Sandbox, true) => Environment::Live,
            (Environment::Live, true) | (Environment::Sandbox, false) => Environment::Sandbox,
        };
        let age = Duration::try_from(self.section.max_age.0).ok()? + TOO_LATE;
        let at = if is(Scenario::Stale) { now - age } else { now };
        let by = paypal::Signing { key: &self.key, webhook_id: &webhook_id, environment };
        let mut chance = purchase.of_notification();
        let parts = [8, 4, 4, 4, 12].map(|count| chance.digits(count));
        let mut headers = sign(body.as_bytes(), &parts.join("-"), at, by);
        if is(Scenario::Downgrade) {
            headers.retain(|(name, _)| *name != ALGORITHM);
            headers.push((ALGORITHM, "SHA1withRSA".to_owned()));
        }
        Some(headers)
    }
}

impl Sender for PayPal {
    fn scenarios(&self) -> Vec<Scenario> {
        let told = STORIES.iter().map(|story| story.0);
        sorted(told.chain(OF_THE_PAYMENT.iter().copied()).chain(self.stale()))
    }

    fn currency(&self) -> Currency {
        Currency::USD
    }

    fn tells(&self, _: Currency) -> bool {
        true
    }

    fn simulate(&self, scenario: Scenario, terms: &Terms) -> Option<Simulated> {
        if !self.scenarios().contains(&scenario) {
            return None;
        }
        let story = STORIES.iter().find(|story| story.0 == scenario.told())?;
        let merchant_id = self.section.merchant_id.as_deref();
        let event = Event::new(Purchase::new(scenario, terms), merchant_id);
        let body = event.body(story);
        let headers = self.sign(&body, &event.purchase, terms.now)?;
        let is_forged = scenario == Scenario::Forged;
        let of_another = scenario == Scenario::WrongSeller && merchant_id.is_some();
        Some(Simulated {
            provider: Provider::PayPal,
            headers,
            body: body.replacen(&event.id, &another_if(is_forged, &event.id), 1),
            expected: Expected::unless(of_another || REJECTED.contains(&scenario)),
        })
    }

    fn trust(&self) -> Option<Trust> {
        Some(self.trust.clone())
    }
}

#[cfg(test)]
mod tests {
    use shared::provider::Rejection;

    use super::*;
    use crate::simulate::tests::stand;

    #[test]
    fn every_attack_is_turned_away_for_its_own_reason() {
        let reason = |scenario| stand(Provider::PayPal).verified(scenario).unwrap_err();
        assert_eq!(reason(Scenario::Stale), Rejection::Stale);
        assert_eq!(reason(Scenario::WrongApp), Rejection::Forged);
        assert_eq!(reason(Scenario::WrongSeller), Rejection::NotOurs("merchant_id"));
        assert_eq!(reason(Scenario::WrongEnvironment), Rejection::UnknownKey);
        assert_eq!(reason(Scenario::Downgrade), Rejection::WrongAlgorithm);
    }
}
