//! A certification authority like CFCA, with a root, an intermediate, and whatever it issues or should
//! not have issued.

use std::sync::LazyLock;

use rcgen::{
    BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair,
    PKCS_RSA_SHA256,
};
use rsa::RsaPrivateKey;
use rsa::pkcs8::{EncodePrivateKey as _, LineEnding};
use shared::process::now;
use time::Duration;

/// UnionPay's key, one that it rolls over to, and an attacker's.
pub(super) static KEYS: LazyLock<[RsaPrivateKey; 3]> = LazyLock::new(|| {
    let key = |_| RsaPrivateKey::new(&mut rand::thread_rng(), 2048).unwrap();
    [0, 1, 2].map(key)
});

/// CFCA, and one that only bears its name.
pub(super) static CFCA: LazyLock<Authority> = LazyLock::new(Authority::new);
pub(super) static IMPOSTOR: LazyLock<Authority> = LazyLock::new(Authority::new);

pub(super) struct Authority {
    pub(super) root: String,
    pub(super) intermediate: String,
    issuer: Issuer<'static, KeyPair>,
}

/// What a certificate says.
#[derive(Clone)]
pub(super) struct Says {
    pub(super) name: String,
    /// Whole days from now.
    pub(super) from_days: i64,
    pub(super) to_days: i64,
    pub(super) uses: Vec<ExtendedKeyUsagePurpose>,
}

impl Default for Says {
    fn default() -> Self {
        Self {
            name: "041@8310000000083040@中国银联股份有限公司@00016495".to_owned(),
            from_days: -100,
            to_days: 100,
            uses: vec![
                ExtendedKeyUsagePurpose::ClientAuth,
                ExtendedKeyUsagePurpose::EmailProtection,
            ],
        }
    }
}

impl Says {
    fn params(&self) -> CertificateParams {
        let mut params = CertificateParams::new(vec![]).unwrap();
        params.not_before = now() + Duration::days(self.from_days);
        params.not_after = now() + Duration::days(self.to_days);
        params.distinguished_name.push(DnType::CommonName, self.name.as_str());
        params.extended_key_usages = self.uses.clone();
        params
    }
}

impl Authority {
    fn new() -> Self {
        let authority = |name: &str| {
            let says = Says { name: name.to_owned(), uses: vec![], ..Says::default() };
            let mut params = says.params();
            params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
            params
        };
        let (root_key, key) = (KeyPair::generate().unwrap(), KeyPair::generate().unwrap());
        let (root, between) = (authority("CFCA CS CA"), authority("CFCA OCA1"));
        let root_pem = root.self_signed(&root_key).unwrap().pem();
        let root = Issuer::new(root, root_key);
        let intermediate = between.signed_by(&key, &root).unwrap().pem();
        Self { root: root_pem, intermediate, issuer: Issuer::new(between, key) }
    }

    /// A certificate for this key, as it stands in a message.
    pub(super) fn issue(&self, key: &RsaPrivateKey, says: &Says) -> String {
        let issued = says.params().signed_by(&pair(key), &self.issuer).unwrap();
        windows(&issued.pem())
    }
}

/// A certificate that vouches for itself.
pub(super) fn self_signed(key: &RsaPrivateKey, says: &Says) -> String {
    windows(&says.params().self_signed(&pair(key)).unwrap().pem())
}

fn pair(key: &RsaPrivateKey) -> KeyPair {
    let pem = key.to_pkcs8_pem(LineEnding::LF).unwrap();
    KeyPair::from_pem_and_sign_algo(&pem, &PKCS_RSA_SHA256).unwrap()
}

fn windows(pem: &str) -> String {
    pem.trim_end().lines().collect::<Vec<_>>().join("\r\n")
}
