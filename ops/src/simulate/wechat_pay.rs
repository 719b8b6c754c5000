//! What WeChat Pay would post by API v3: an envelope whose resource only a worker can open.
//! Source: pay.weixin.qq.com, APIv3: 支付成功回调通知, 退款结果回调通知, 签约、解约结果通知.

use std::path::PathBuf;

use rsa::RsaPrivateKey;
use shared::money::Currency;
use shared::provider::Provider;
use shared::provider::wechat_pay::{Event, Section, Signer, body, sign};
use shared::secret::Secret;

use self::resource::{Owner, Resource, STORIES};
use super::purchase::{Purchase, another_if};
use super::scenario::sorted;
use super::signing::{OpenError, Signing, public_file, secret_file, secret_letters};
use super::{Expected, Sample, Scenario, Sender, Simulated, Terms, Trust};

mod resource;

/// How WeChat's console might name the key, where the account lists none that fits.
const PUBLIC_KEY_ID: &str = "PUB_KEY_ID_SIMULATED";
const SIGNATURE_TYPE: &str = "wechatpay-signature-type";
/// An algorithm of Chinese standards that is not the account's.
const ANOTHER_ALGORITHM: &str = "WECHATPAY2-SM2-WITH-SM3";
/// Told as the payment is.
const OF_THE_PAYMENT: &[Scenario] = &[
    Scenario::Duplicate,
    Scenario::Forged,
    Scenario::Stale,
    Scenario::WrongAmount,
    Scenario::WrongApp,
    Scenario::Downgrade,
];
/// Whose it is shows only when it is read: another merchant's is let in, and buried.
const REJECTED: &[Scenario] = &[Scenario::Forged, Scenario::Stale, Scenario::Downgrade];

/// WeChat Pay for one account.
pub(super) struct WechatPay {
    owner: Owner,
    /// The name of the key, as the account lists it.
    serial: String,
    key: RsaPrivateKey,
    api_v3_key: Secret,
    trust: Trust,
}

pub(super) fn sample(account: &str) -> Sample {
    let (public, secret) = (public_file(account), secret_file(account));
    let section = format!(
        "[accounts.{account}]\nprovider = \"wechat_pay\"\nmchid = \"1900000109\"\n\
         appid = \"wxd678efh567hg6787\"\npublic_keys = {{ {PUBLIC_KEY_ID} = \"{}\" }}\n\
         api_v3_key_file = \"{}\"\n",
        public.display(),
        secret.display()
    );
    Sample { section, files: vec![(secret, secret_letters(32) + "\n")] }
}

impl WechatPay {
    pub(super) fn open(section: &Section, signing: &mut Signing<'_>) -> Result<Self, OpenError> {
        let (value, file) = (section.api_v3_key.as_ref(), section.api_v3_key_file.as_ref());
        let api_v3_key = signing.secret("api_v3_key", value, file)?;
        let key = signing.rsa()?;
        let fits = |file: &&PathBuf| signing.is_public_half(file, &key);
        let named = section.public_keys.iter().find(|(_, file)| fits(file));
        Ok(Self {
            owner: Owner::of(section),
            serial: named.map_or(PUBLIC_KEY_ID.to_owned(), |(id, _)| id.clone()),
            key,
            api_v3_key,
            trust: Trust {
                key: "public_keys.PUB_KEY_ID_SIMULATED",
                what: signing.public_file().display().to_string(),
            },
        })
    }
}

impl Sender for WechatPay {
    fn scenarios(&self) -> Vec<Scenario> {
        sorted(STORIES.iter().map(|story| story.0).chain(OF_THE_PAYMENT.iter().copied()))
    }

    fn currency(&self) -> Currency {
        Currency::CNY
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
        let id = format!("EV-{}", purchase.of_notification().digits(33));
        let (_, event_type, original_type, at, write) =
            STORIES.iter().find(|story| story.0 == scenario.told())?;
        let created_at = at(&purchase);
        let resource = write(&Resource::new(purchase, &self.owner)).to_string();
        let event = Event { id: &id, created_at, event_type, original_type, resource: &resource };
        let body = body(&event, self.api_v3_key.reveal())?;
        let mut headers = vec![("content-type", "application/json".to_owned())];
        headers.extend(sign(
            body.as_bytes(),
            sent_at,
            &Signer { serial: &self.serial, key: &self.key },
        ));
        if scenario == Scenario::Downgrade {
            headers.retain(|(name, _)| *name != SIGNATURE_TYPE);
            headers.push((SIGNATURE_TYPE, ANOTHER_ALGORITHM.to_owned()));
        }
        let body = body.replacen(&id, &another_if(scenario == Scenario::Forged, &id), 1);
        let expected = Expected::unless(REJECTED.contains(&scenario));
        Some(Simulated { provider: Provider::WechatPay, headers, body, expected })
    }

    fn trust(&self) -> Option<Trust> {
        Some(self.trust.clone())
    }
}

#[cfg(test)]
mod tests {
    use shared::provider::{Rejection, Unreadable};

    use super::*;
    use crate::simulate::tests::stand;

    #[test]
    fn every_attack_is_turned_away_for_its_own_reason() {
        let stand = stand(Provider::WechatPay);
        let reason = |scenario| stand.verified(scenario).unwrap_err();
        assert_eq!(reason(Scenario::Stale), Rejection::Stale);
        assert_eq!(reason(Scenario::Downgrade), Rejection::WrongAlgorithm);
        let buried = stand.read(Scenario::WrongApp).unwrap_err();
        assert_eq!(buried, Unreadable::NotOurs("mchid"));
    }
}
