//! What Adyen would post: standard webhooks, whose items are each signed.
//! Source: docs.adyen.com, "Webhook types", `eventCode`.

use serde_json::{Value, json};
use shared::money::Currency;
use shared::provider::Provider;
use shared::provider::adyen::{Capture, Credentials, Section, sign};
use shared::provider::mac::from_hex;
use shared::provider::mac::key::MacKey;

use self::item::{ALWAYS, BY_AUTHORISATION, BY_CAPTURE, Item, Story};
use super::purchase::{Purchase, another_if};
use super::scenario::sorted;
use super::signing::{OpenError, Signing, secret_file, secret_hex};
use super::{Expected, Sample, Scenario, Sender, Simulated, Terms, Trust};

mod item;

/// Told as the payment is.
const OF_THE_PAYMENT: &[Scenario] = &[
    Scenario::Duplicate,
    Scenario::Forged,
    Scenario::WrongAmount,
    Scenario::WrongSeller,
    Scenario::WrongEnvironment,
];
/// The payment, and a refund behind it.
const OF_SEVERAL: &[Scenario] = &[Scenario::Batch, Scenario::BatchForged];
const REJECTED: &[Scenario] =
    &[Scenario::Forged, Scenario::WrongSeller, Scenario::WrongEnvironment, Scenario::BatchForged];

/// Adyen for one account.
pub(super) struct Adyen {
    section: Section,
    key: MacKey,
    credentials: Option<Credentials>,
}

pub(super) fn sample(account: &str) -> Sample {
    let file = secret_file(account);
    let section = format!(
        "[accounts.{account}]\nprovider = \"adyen\"\nmerchant_accounts = [\"ShopECOM\"]\n\
         live = false\nhmac_keys_file = \"{}\"\n",
        file.display()
    );
    Sample { section, files: vec![(file, secret_hex(32) + "\n")] }
}

impl Adyen {
    pub(super) fn open(section: &Section, signing: &Signing<'_>) -> Result<Self, OpenError> {
        let (value, file) = (section.hmac_keys.as_ref(), section.hmac_keys_file.as_ref());
        let secret = signing.secret("hmac_keys", value, file)?;
        let bytes = from_hex(secret.reveal());
        let key = bytes.map(MacKey::new).ok_or_else(|| signing.unusable("hmac_keys"))?;
        let credentials = match &section.username {
            Some(username) => {
                let (value, file) = (section.password.as_ref(), section.password_file.as_ref());
                Some(Credentials::new(username, &signing.secret("password", value, file)?))
            }
            None => None,
        };
        Ok(Self { section: section.clone(), key, credentials })
    }

    fn stories(&self) -> impl Iterator<Item = &'static Story> {
        let payments = match self.section.capture {
            Capture::Auto => BY_AUTHORISATION,
            Capture::Manual => BY_CAPTURE,
        };
        payments.iter().chain(ALWAYS)
    }

    fn item(&self, told: Scenario, scenario: Scenario, terms: &Terms) -> Option<Value> {
        let story = self.stories().find(|story| story.0 == told.told())?;
        Some(Item::new(Purchase::new(scenario, terms), &self.section).entry(story))
    }
}

impl Sender for Adyen {
    fn scenarios(&self) -> Vec<Scenario> {
        let told = self.stories().map(|story| story.0);
        sorted(told.chain(OF_THE_PAYMENT.iter().chain(OF_SEVERAL).copied()))
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
        let is_several = OF_SEVERAL.contains(&scenario);
        let told = if is_several { Scenario::Paid } else { scenario };
        let mut items = vec![self.item(told, told, terms)?];
        if is_several {
            let refund = Scenario::RefundPartial;
            items.push(self.item(refund, refund, terms)?);
        }
        let is_live = self.section.live != (scenario == Scenario::WrongEnvironment);
        let batch = json!({ "live": is_live.to_string(), "notificationItems": items });
        let body = sign(&batch, &self.key)?;
        let is_forged = matches!(scenario, Scenario::Forged | Scenario::BatchForged);
        // The last item's own number: a signature covers it.
        let own = items.last()?["NotificationRequestItem"]["pspReference"].as_str()?.to_owned();
        let mut headers = vec![("content-type", "application/json; charset=utf-8".to_owned())];
        headers.extend(self.credentials.as_ref().map(Credentials::header));
        Some(Simulated {
            provider: Provider::Adyen,
            headers,
            body: last_replaced(&body, &own, &another_if(is_forged, &own)),
            expected: Expected::unless(REJECTED.contains(&scenario)),
        })
    }

    /// A shared secret signs.
    fn trust(&self) -> Option<Trust> {
        None
    }
}

fn last_replaced(text: &str, from: &str, to: &str) -> String {
    match text.rsplit_once(from) {
        Some((before, after)) => format!("{before}{to}{after}"),
        None => text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use shared::provider::Rejection;

    use super::*;
    use crate::simulate::tests::stand;

    #[test]
    fn every_attack_is_turned_away_for_its_own_reason() {
        let reason = |scenario| stand(Provider::Adyen).verified(scenario).unwrap_err();
        assert_eq!(reason(Scenario::WrongSeller), Rejection::NotOurs("merchantAccountCode"));
        assert_eq!(reason(Scenario::WrongEnvironment), Rejection::NotOurs("live"));
        assert_eq!(reason(Scenario::BatchForged), Rejection::Forged);
    }
}
