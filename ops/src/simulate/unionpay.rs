//! What UnionPay would post to `backUrl`, with the certificate that it signs with.
//! Source: open.unionpay.com, 后台通知.

use rsa::RsaPrivateKey;
use shared::money::Currency;
use shared::provider::Provider;
use shared::provider::unionpay::{self, Section, SignMethod, sign};
use shared::secret::Secret;

use self::transaction::{STORIES, Transaction, number_of};
use super::certificate::Subject;
use super::purchase::Purchase;
use super::scenario::sorted;
use super::signing::{OpenError, Signing, root_file};
use super::{Expected, Sample, Scenario, Sender, Simulated, Terms, Trust};

mod transaction;

const CONTENT_TYPE: &str = "application/x-www-form-urlencoded; charset=utf-8";
/// Told as the payment is.
const OF_THE_PAYMENT: &[Scenario] = &[
    Scenario::Duplicate,
    Scenario::Forged,
    Scenario::WrongAmount,
    Scenario::WrongApp,
    Scenario::Downgrade,
];
const REJECTED: &[Scenario] = &[Scenario::Forged, Scenario::WrongApp, Scenario::Downgrade];

/// UnionPay for one account.
pub(super) struct UnionPay {
    mer_id: String,
    key: Key,
}

enum Key {
    /// The certificate is PEM.
    Certified {
        key: Box<RsaPrivateKey>,
        certificate: String,
        trust: Trust,
    },
    Shared(Secret),
}

pub(super) fn sample(account: &str) -> Sample {
    let section = format!(
        "[accounts.{account}]\nprovider = \"unionpay\"\nmer_id = \"777290058110048\"\n\
         roots = [\"{}\"]\n",
        root_file(account).display()
    );
    Sample { section, files: vec![] }
}

impl UnionPay {
    pub(super) fn open(section: &Section, signing: &mut Signing<'_>) -> Result<Self, OpenError> {
        let key = match section.sign_method {
            SignMethod::Certificate => {
                let organisation = section.organisation.as_str();
                let (key, certificate) = signing.certified(Subject::UnionPay { organisation })?;
                let what = signing.root_file().display().to_string();
                Key::Certified { key: key.into(), certificate, trust: Trust { key: "roots", what } }
            }
            SignMethod::SecureKey => {
                let (value, file) = (section.secure_key.as_ref(), section.secure_key_file.as_ref());
                Key::Shared(signing.secret("secure_key", value, file)?)
            }
        };
        Ok(Self { mer_id: section.mer_id.clone(), key })
    }

    fn signing(&self) -> unionpay::Signing<'_> {
        match &self.key {
            Key::Certified { key, certificate, .. } => {
                unionpay::Signing::Certificate { key, certificate }
            }
            Key::Shared(secret) => unionpay::Signing::SecureKey(secret),
        }
    }
}

impl Sender for UnionPay {
    fn scenarios(&self) -> Vec<Scenario> {
        sorted(STORIES.iter().map(|story| story.0).chain(OF_THE_PAYMENT.iter().copied()))
    }

    fn currency(&self) -> Currency {
        Currency::CNY
    }

    fn tells(&self, currency: Currency) -> bool {
        number_of(currency).is_some()
    }

    fn simulate(&self, scenario: Scenario, terms: &Terms) -> Option<Simulated> {
        if !self.scenarios().contains(&scenario) {
            return None;
        }
        let story = STORIES.iter().find(|story| story.0 == scenario.told())?;
        let transaction = Transaction::new(Purchase::new(scenario, terms), &self.mer_id);
        let fields = transaction.fields(story)?;
        let pairs: Vec<_> = fields.iter().map(|(name, value)| (*name, value.as_bytes())).collect();
        Some(Simulated {
            provider: Provider::UnionPay,
            headers: vec![("content-type", CONTENT_TYPE.to_owned())],
            body: tampered(scenario, sign(&pairs, self.signing())),
            expected: Expected::unless(REJECTED.contains(&scenario)),
        })
    }

    fn trust(&self) -> Option<Trust> {
        match &self.key {
            Key::Certified { trust, .. } => Some(trust.clone()),
            Key::Shared(_) => None,
        }
    }
}

/// What is done to the body after it was signed.
fn tampered(scenario: Scenario, body: String) -> String {
    if scenario == Scenario::Forged {
        body.replacen("respCode=00", "respCode=A0", 1)
    } else if scenario == Scenario::Downgrade {
        // The version that signs with SHA-1.
        body.replacen("version=5.1.0", "version=5.0.0", 1)
    } else {
        body
    }
}

#[cfg(test)]
mod tests {
    use shared::config::load;
    use shared::provider::{self, Headers, Rejection, Request};

    use super::*;
    use crate::simulate::tests::{NOW, stand};

    #[test]
    fn every_attack_is_turned_away_for_its_own_reason() {
        let reason = |scenario| stand(Provider::UnionPay).verified(scenario).unwrap_err();
        assert_eq!(reason(Scenario::Downgrade), Rejection::WrongAlgorithm);
        assert_eq!(reason(Scenario::WrongApp), Rejection::NotOurs("merId"));
    }

    #[test]
    fn the_pages_own_example_takes_the_simulation_once_its_root_is_added() {
        let page = include_str!("../../../docs/providers/unionpay.md");
        let example = page.split("```toml").nth(1).and_then(|rest| rest.split("```").next());
        let section = example.unwrap().replace("root.pem\"]", "root.pem\", \"simulated.pem\"]");
        assert!(section.contains("simulated.pem"), "{section}");
        let folder = tempfile::tempdir().unwrap();
        let base = folder.path();
        let config = load::parse(&section, std::iter::empty(), base.to_owned()).unwrap();
        let section = &config.accounts["shop-unionpay"];
        let mut signing = Signing::new("shop-unionpay", base, None, NOW);
        let sender = crate::simulate::open(&section.own, &mut signing).unwrap();
        std::fs::copy(base.join(sender.trust().unwrap().what), base.join("simulated.pem")).unwrap();
        for file in ["keys/acp_prod_root.pem", "keys/acp_prod_middle.pem"] {
            std::fs::create_dir_all(base.join("keys")).unwrap();
            std::fs::copy(base.join("simulated.pem"), base.join(file)).unwrap();
        }
        let account = section.account("shop-unionpay", base).unwrap();
        let terms = stand(Provider::UnionPay).terms();
        for scenario in sender.scenarios() {
            let Simulated { headers, body, expected, .. } =
                sender.simulate(scenario, &terms).unwrap();
            let headers = headers.iter().map(|(name, value)| (*name, value.as_bytes()));
            let request = Request { headers: Headers::new(headers).unwrap(), body: body.into() };
            let verdict = provider::verify(&account, request, NOW);
            assert_eq!(
                verdict.is_ok(),
                expected == Expected::Accepted,
                "{scenario:?}: {verdict:?}"
            );
        }
    }

    #[test]
    fn an_account_with_a_secure_key_is_signed_for_with_it() {
        let folder = tempfile::tempdir().unwrap();
        let section = "[accounts.shop]\nprovider = \"unionpay\"\nmer_id = \"1\"\n\
                       sign_method = \"11\"\nsecure_key = \"0123456789abcdef\"";
        let config = load::parse(section, std::iter::empty(), folder.path().to_owned()).unwrap();
        let mut signing = Signing::new("shop", folder.path(), None, NOW);
        let opened = crate::simulate::open(&config.accounts["shop"].own, &mut signing).unwrap();
        assert_eq!(opened.trust(), None);
        let terms = stand(Provider::UnionPay).terms();
        let body = opened.simulate(Scenario::Paid, &terms).unwrap().body;
        assert!(body.contains("signMethod=11") && !body.contains("signPubKeyCert"), "{body}");
    }
}
