//! What Stripe would post: snapshot events of intents or checkout sessions, refunds, disputes, invoices
//! and subscriptions. Source: docs.stripe.com/api/events/types.

use shared::money::Currency;
use shared::provider::Provider;
use shared::provider::stripe::{OrderFrom, Section, sign};
use shared::secret::Secret;

use self::event::{ALWAYS, BY_INTENT, BY_SESSION, Event, Story};
use super::purchase::{Purchase, another_if};
use super::scenario::sorted;
use super::signing::{OpenError, Signing, secret_file, secret_letters};
use super::{Expected, Sample, Scenario, Sender, Simulated, Terms, Trust};

mod event;

/// Told as the payment is.
const OF_THE_PAYMENT: &[Scenario] = &[
    Scenario::Duplicate,
    Scenario::Forged,
    Scenario::Stale,
    Scenario::WrongAmount,
    Scenario::WrongSeller,
    Scenario::WrongEnvironment,
    Scenario::Downgrade,
];
const REJECTED: &[Scenario] = &[
    Scenario::Forged,
    Scenario::Stale,
    Scenario::WrongSeller,
    Scenario::WrongEnvironment,
    Scenario::Downgrade,
];

/// Stripe for one account.
pub(super) struct Stripe {
    section: Section,
    secret: Secret,
}

pub(super) fn sample(account: &str) -> Sample {
    let file = secret_file(account);
    let section = format!(
        "[accounts.{account}]\nprovider = \"stripe\"\nlivemode = false\nsecrets_file = \"{}\"\n",
        file.display()
    );
    Sample { section, files: vec![(file, format!("whsec_{}\n", secret_letters(32)))] }
}

impl Stripe {
    pub(super) fn open(section: &Section, signing: &Signing<'_>) -> Result<Self, OpenError> {
        let (value, file) = (section.secrets.as_ref(), section.secrets_file.as_ref());
        let secret = signing.secret("secrets", value, file)?;
        Ok(Self { section: section.clone(), secret })
    }

    fn stories(&self) -> impl Iterator<Item = &'static Story> {
        let payments = match self.section.order_from {
            OrderFrom::PaymentIntent => BY_INTENT,
            OrderFrom::CheckoutSession => BY_SESSION,
        };
        payments.iter().chain(ALWAYS)
    }
}

impl Sender for Stripe {
    fn scenarios(&self) -> Vec<Scenario> {
        sorted(self.stories().map(|story| story.0).chain(OF_THE_PAYMENT.iter().copied()))
    }

    fn currency(&self) -> Currency {
        Currency::EUR
    }

    fn tells(&self, _: Currency) -> bool {
        true
    }

    fn simulate(&self, scenario: Scenario, terms: &Terms) -> Option<Simulated> {
        if !self.scenarios().contains(&scenario) {
            return None;
        }
        let purchase = Purchase::new(scenario, terms);
        let sent_at = purchase.sent_at;
        let event = Event::new(purchase, &self.section);
        let body = event.body(self.stories().find(|story| story.0 == scenario.told())?);
        let [(name, signature)] = sign(body.as_bytes(), &self.secret, sent_at);
        // `v0` is a scheme for tests, whose key anybody may have.
        let is_downgraded = scenario == Scenario::Downgrade;
        let signature = if is_downgraded { signature.replace(",v1=", ",v0=") } else { signature };
        let headers =
            vec![("content-type", "application/json; charset=utf-8".to_owned()), (name, signature)];
        let is_forged = scenario == Scenario::Forged;
        let body = body.replacen(&event.id, &another_if(is_forged, &event.id), 1);
        let expected = Expected::unless(REJECTED.contains(&scenario));
        Some(Simulated { provider: Provider::Stripe, headers, body, expected })
    }

    /// A shared secret signs.
    fn trust(&self) -> Option<Trust> {
        None
    }
}

#[cfg(test)]
mod tests {
    use shared::provider::Rejection;

    use super::*;
    use crate::simulate::tests::stand;

    #[test]
    fn every_attack_is_turned_away_for_its_own_reason() {
        let reason = |scenario| stand(Provider::Stripe).verified(scenario).unwrap_err();
        assert_eq!(reason(Scenario::Stale), Rejection::Stale);
        assert_eq!(reason(Scenario::Downgrade), Rejection::WrongAlgorithm);
        assert_eq!(reason(Scenario::WrongSeller), Rejection::NotOurs("account"));
        assert_eq!(reason(Scenario::WrongEnvironment), Rejection::NotOurs("livemode"));
    }
}
