//! What Alipay would post: `trade_status_sync` in every state, agreements, and what an attacker would
//! make of it. Field names and forms: open.alipay.com, 异步通知参数.

use rsa::RsaPrivateKey;
use shared::money::Currency;
use shared::provider::Provider;
use shared::provider::alipay::{Section, SignClass, SignType, sign_with};

use self::trade::Trade;
use super::purchase::Purchase;
use super::scenario::sorted;
use super::signing::{OpenError, Signing, public_file};
use super::{Expected, Sample, Scenario, Sender, Simulated, Terms, Trust};

mod trade;

const CONTENT_TYPE: &str = "application/x-www-form-urlencoded; charset=utf-8";
const SCENARIOS: &[Scenario] = &[
    Scenario::Paid,
    Scenario::Duplicate,
    Scenario::RefundPartial,
    Scenario::RefundFull,
    Scenario::Closed,
    Scenario::Pending,
    Scenario::Finished,
    Scenario::Forged,
    Scenario::WrongAmount,
    Scenario::WrongApp,
    Scenario::WrongSeller,
    Scenario::Return,
    Scenario::UnknownType,
    Scenario::AgreementSigned,
    Scenario::AgreementCharged,
    Scenario::AgreementEnded,
];
const REJECTED: &[Scenario] =
    &[Scenario::Forged, Scenario::WrongApp, Scenario::Downgrade, Scenario::Return];

/// Alipay for one account.
pub(super) struct Alipay {
    app_id: String,
    /// Compared by the account when it names one.
    seller_id: Option<String>,
    sign_type: SignType,
    key: RsaPrivateKey,
    trust: Trust,
}

pub(super) fn sample(account: &str) -> Sample {
    let file = public_file(account);
    let section = format!(
        "[accounts.{account}]\nprovider = \"alipay\"\napp_id = \"2021000000000001\"\n\
         seller_id = \"2088102177890000\"\npublic_keys = [\"{}\"]\n",
        file.display()
    );
    Sample { section, files: vec![] }
}

impl Alipay {
    pub(super) fn open(section: &Section, signing: &mut Signing<'_>) -> Result<Self, OpenError> {
        Ok(Self {
            app_id: section.app_id.clone(),
            seller_id: section.seller_id.clone(),
            sign_type: section.sign_type,
            key: signing.rsa()?,
            trust: Trust { key: "public_keys", what: signing.public_file().display().to_string() },
        })
    }

    fn expected(&self, scenario: Scenario) -> Expected {
        let of_another = scenario == Scenario::WrongSeller && self.seller_id.is_some();
        Expected::unless(of_another || REJECTED.contains(&scenario))
    }
}

impl Sender for Alipay {
    fn scenarios(&self) -> Vec<Scenario> {
        // Nothing is weaker than the older algorithm.
        let downgrade = (self.sign_type == SignType::RSA2).then_some(Scenario::Downgrade);
        sorted(SCENARIOS.iter().copied().chain(downgrade))
    }

    fn currency(&self) -> Currency {
        Currency::CNY
    }

    fn tells(&self, currency: Currency) -> bool {
        currency == Currency::CNY
    }

    fn simulate(&self, scenario: Scenario, terms: &Terms) -> Option<Simulated> {
        if !self.scenarios().contains(&scenario) {
            return None;
        }
        let trade = Trade::new(Purchase::new(scenario, terms), &self.app_id, &self.seller_id);
        let fields = trade.fields()?;
        let is_service = scenario == Scenario::UnknownType;
        let class = if is_service { SignClass::V2 } else { SignClass::V1 };
        let is_downgraded = scenario == Scenario::Downgrade;
        let sign_type = if is_downgraded { SignType::RSA } else { self.sign_type };
        let pairs: Vec<_> = fields.iter().map(|(name, value)| (*name, value.as_bytes())).collect();
        Some(Simulated {
            provider: Provider::Alipay,
            headers: vec![("content-type", CONTENT_TYPE.to_owned())],
            body: tampered(scenario, sign_with(sign_type, &pairs, class, &self.key)),
            expected: self.expected(scenario),
        })
    }

    fn trust(&self) -> Option<Trust> {
        Some(self.trust.clone())
    }
}

/// What is done to the body after it was signed.
fn tampered(scenario: Scenario, body: String) -> String {
    if scenario == Scenario::Forged {
        body.replacen("trade_status=TRADE_SUCCESS", "trade_status=TRADE_SUCCESs", 1)
    } else {
        body
    }
}

#[cfg(test)]
mod tests;
