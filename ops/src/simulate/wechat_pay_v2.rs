//! What WeChat Pay would post by API v2: flat XML, and refunds that bear no signature.
//! Source: pay.weixin.qq.com, APIv2: 支付结果通知, 退款结果通知, 签约、解约结果通知.

use shared::money::Currency;
use shared::provider::Provider;
use shared::provider::wechat_pay_v2::{Section, SignType, refund, sign};
use shared::secret::Secret;

use self::elements::{Elements, Form, STORIES};
use super::purchase::{Purchase, another_if};
use super::scenario::sorted;
use super::signing::{OpenError, Signing, secret_file, secret_letters};
use super::{Expected, Sample, Scenario, Sender, Simulated, Terms, Trust};

mod elements;

const CONTENT_TYPE: &str = "text/xml; charset=utf-8";
/// Told as the payment is.
const OF_THE_PAYMENT: &[Scenario] =
    &[Scenario::Duplicate, Scenario::Forged, Scenario::WrongAmount, Scenario::WrongApp];
const REJECTED: &[Scenario] = &[Scenario::Forged, Scenario::WrongApp, Scenario::Downgrade];

/// WeChat Pay for one account.
pub(super) struct WechatPayV2 {
    section: Section,
    api_key: Secret,
}

pub(super) fn sample(account: &str) -> Sample {
    let file = secret_file(account);
    let section = format!(
        "[accounts.{account}]\nprovider = \"wechat_pay_v2\"\nmch_id = \"1900000109\"\n\
         appid = \"wxd678efh567hg6787\"\napi_key_file = \"{}\"\nsign_types = [\"HMAC-SHA256\"]\n",
        file.display()
    );
    Sample { section, files: vec![(file, secret_letters(32) + "\n")] }
}

impl WechatPayV2 {
    pub(super) fn open(section: &Section, signing: &Signing<'_>) -> Result<Self, OpenError> {
        let (value, file) = (section.api_key.as_ref(), section.api_key_file.as_ref());
        let api_key = signing.secret("api_key", value, file)?;
        Ok(Self { section: section.clone(), api_key })
    }

    /// What the account allows, the stronger first.
    fn sign_type(&self) -> SignType {
        let is_allowed = |sign_type: &SignType| self.section.sign_types.contains(sign_type);
        Some(SignType::HmacSha256).filter(is_allowed).unwrap_or(SignType::Md5)
    }

    /// Where MD5 is allowed as well, nothing is weaker.
    fn downgrade(&self) -> Option<Scenario> {
        let allows_md5 = self.section.sign_types.contains(&SignType::Md5);
        (!allows_md5).then_some(Scenario::Downgrade)
    }
}

impl Sender for WechatPayV2 {
    fn scenarios(&self) -> Vec<Scenario> {
        let told = STORIES.iter().map(|story| story.0);
        sorted(told.chain(OF_THE_PAYMENT.iter().copied()).chain(self.downgrade()))
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
        let elements = Elements::new(Purchase::new(scenario, terms), &self.section);
        let (_, form) = STORIES.iter().find(|story| story.0 == scenario.told())?;
        let is_downgraded = scenario == Scenario::Downgrade;
        let sign_type = if is_downgraded { SignType::Md5 } else { self.sign_type() };
        let api_key = self.api_key.reveal();
        let body = match form {
            Form::Signed(write) => sign(&borrowed(&write(&elements)), sign_type, api_key),
            Form::Refund(status) => {
                let (around, within) = (elements.around(), elements.refund(status));
                refund(&borrowed(&around), &borrowed(&within), api_key)?
            }
        };
        let nonce = &elements.nonce;
        let is_forged = scenario == Scenario::Forged;
        Some(Simulated {
            provider: Provider::WechatPayV2,
            headers: vec![("content-type", CONTENT_TYPE.to_owned())],
            body: body.replacen(nonce.as_str(), &another_if(is_forged, nonce), 1),
            expected: Expected::unless(REJECTED.contains(&scenario)),
        })
    }

    /// A shared secret signs.
    fn trust(&self) -> Option<Trust> {
        None
    }
}

fn borrowed<'a>(elements: &'a [(&'static str, String)]) -> Vec<(&'static str, &'a str)> {
    elements.iter().map(|(name, value)| (*name, value.as_str())).collect()
}

#[cfg(test)]
mod tests {
    use shared::provider::Rejection;

    use super::*;
    use crate::simulate::tests::stand;

    #[test]
    fn every_attack_is_turned_away_for_its_own_reason() {
        let reason = |scenario| stand(Provider::WechatPayV2).verified(scenario).unwrap_err();
        assert_eq!(reason(Scenario::Downgrade), Rejection::WrongAlgorithm);
        assert_eq!(reason(Scenario::WrongApp), Rejection::NotOurs("mch_id"));
    }
}
