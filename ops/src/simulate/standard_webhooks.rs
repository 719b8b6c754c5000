//! What a sender that follows Standard Webhooks would post, with our words where the account's mapping
//! looks for them. Source: standard-webhooks/spec/standard-webhooks.md.

use shared::money::Currency;
use shared::provider::Provider;
use shared::provider::mac::key::MacKey;
use shared::provider::standard_webhooks::{PrivateKey, Section, key_of, sign, sign_v1a};
use time::OffsetDateTime;

use self::message::{Message, WORDS, type_of};
use super::purchase::{Purchase, another_if};
use super::scenario::sorted;
use super::signing::{OpenError, Signing, secret_file, secret_letters};
use super::{Expected, Sample, Scenario, Sender, Simulated, Terms, Trust};

mod message;

const SIGNATURE: &str = "webhook-signature";
/// Told as the payment is.
const OF_THE_PAYMENT: &[Scenario] = &[
    Scenario::Duplicate,
    Scenario::Forged,
    Scenario::Stale,
    Scenario::WrongAmount,
    Scenario::Downgrade,
];
const REJECTED: &[Scenario] = &[Scenario::Forged, Scenario::Stale, Scenario::Downgrade];

/// A sender for one account.
pub(super) struct StandardWebhooks {
    section: Section,
    key: Key,
}

enum Key {
    Shared(MacKey),
    /// Where the account lists public keys alone.
    Own(PrivateKey),
}

pub(super) fn sample(account: &str) -> Sample {
    let file = secret_file(account);
    let section = format!(
        "[accounts.{account}]\nprovider = \"standard_webhooks\"\nsecrets_file = \"{}\"\n",
        file.display()
    );
    // The letters are the base64 of 24 bytes.
    Sample { section, files: vec![(file, format!("whsec_{}\n", secret_letters(32)))] }
}

impl StandardWebhooks {
    pub(super) fn open(section: &Section, signing: &mut Signing<'_>) -> Result<Self, OpenError> {
        let (value, file) = (section.secrets.as_ref(), section.secrets_file.as_ref());
        let has_secret = value.is_some() || file.is_some();
        let key = if has_secret || section.public_keys.is_empty() {
            let secret = signing.secret("secrets", value, file)?;
            Key::Shared(key_of(&secret).ok_or_else(|| signing.unusable("secrets"))?)
        } else {
            Key::Own(signing.ed25519()?)
        };
        Ok(Self { section: section.clone(), key })
    }

    fn sign(&self, id: &str, body: &str, at: OffsetDateTime) -> [(&'static str, String); 3] {
        match &self.key {
            Key::Shared(key) => sign(id, body.as_bytes(), key, at),
            Key::Own(key) => sign_v1a(id, body.as_bytes(), key, at),
        }
    }
}

impl Sender for StandardWebhooks {
    fn scenarios(&self) -> Vec<Scenario> {
        let has_type =
            |word: &&(Scenario, &'static str)| type_of(&self.section.mapping, word.1).is_some();
        let told = WORDS.iter().filter(has_type).map(|word| word.0);
        sorted(told.chain(OF_THE_PAYMENT.iter().copied()))
    }

    fn currency(&self) -> Currency {
        let fixed = self.section.mapping.fixed_currency.as_ref();
        fixed.and_then(|letters| letters.parse().ok()).unwrap_or(Currency::EUR)
    }

    fn tells(&self, currency: Currency) -> bool {
        self.section.mapping.fixed_currency.is_none() || currency == self.currency()
    }

    fn simulate(&self, scenario: Scenario, terms: &Terms) -> Option<Simulated> {
        if !self.scenarios().contains(&scenario) {
            return None;
        }
        let purchase = Purchase::new(scenario, terms);
        let sent_at = purchase.sent_at;
        let id = format!("msg_{}", purchase.of_notification().letters(27));
        let (_, word) = WORDS.iter().find(|word| word.0 == scenario.told())?;
        let kind = type_of(&self.section.mapping, word)?;
        let message = Message::new(purchase, &self.section.mapping);
        let body = message.body(&kind, word);
        let mut headers = vec![("content-type", "application/json".to_owned())];
        headers.extend(self.sign(&id, &body, sent_at));
        if scenario == Scenario::Downgrade {
            // A version that nobody has defined.
            let signatures = headers.iter_mut().filter(|(name, _)| *name == SIGNATURE);
            signatures.for_each(|(_, value)| value.replace_range(..2, "v0"));
        }
        let is_forged = scenario == Scenario::Forged;
        let own = &message.transaction;
        let body = body.replacen(own, &another_if(is_forged, own), 1);
        Some(Simulated {
            provider: Provider::StandardWebhooks,
            headers,
            body,
            expected: Expected::unless(REJECTED.contains(&scenario)),
        })
    }

    fn trust(&self) -> Option<Trust> {
        match &self.key {
            Key::Shared(_) => None,
            Key::Own(key) => Some(Trust { key: "public_keys", what: key.public_key() }),
        }
    }
}

#[cfg(test)]
mod tests;
