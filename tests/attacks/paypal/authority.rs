//! A certification authority like DigiCert, and a server that publishes what it issued.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, LazyLock};

use rcgen::{
    BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair,
    PKCS_RSA_SHA256,
};
use rsa::RsaPrivateKey;
use rsa::pkcs8::{EncodePrivateKey as _, LineEnding};
use shared::process::now;
use time::Duration;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::pki_types::PrivatePkcs8KeyDer;

pub(super) const LIVE: &str = "messageverificationcerts.paypal.com";
pub(super) const SANDBOX: &str = "messageverificationcerts.sandbox.paypal.com";

/// PayPal's key, and an attacker's.
pub(super) static KEYS: LazyLock<[RsaPrivateKey; 2]> = LazyLock::new(|| {
    let key = |_| RsaPrivateKey::new(&mut rand::thread_rng(), 2048).unwrap();
    [0, 1].map(key)
});

/// DigiCert, and one that only bears its name.
pub(super) static DIGICERT: LazyLock<Authority> = LazyLock::new(Authority::new);
pub(super) static IMPOSTOR: LazyLock<Authority> = LazyLock::new(Authority::new);

pub(super) struct Authority {
    pub(super) root: String,
    intermediate: String,
    issuer: Issuer<'static, KeyPair>,
}

impl Authority {
    fn new() -> Self {
        let authority = |name: &str| {
            let mut params = params(name, (-100, 100));
            params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
            params
        };
        let (root_key, key) = (KeyPair::generate().unwrap(), KeyPair::generate().unwrap());
        let (root, between) = (authority("DigiCert Root"), authority("DigiCert EV Server CA"));
        let root_pem = root.self_signed(&root_key).unwrap().pem();
        let root = Issuer::new(root, root_key);
        let intermediate = between.signed_by(&key, &root).unwrap().pem();
        Self { root: root_pem, intermediate, issuer: Issuer::new(between, key) }
    }

    /// A certificate for this key and host, in whole days from now, without its issuer.
    pub(super) fn leaf(&self, key: &RsaPrivateKey, host: &str, days: (i64, i64)) -> String {
        let pem = key.to_pkcs8_pem(LineEnding::LF).unwrap();
        let key = KeyPair::from_pem_and_sign_algo(&pem, &PKCS_RSA_SHA256).unwrap();
        params(host, days).signed_by(&key, &self.issuer).unwrap().pem()
    }

    /// The same with its issuer behind it, as PayPal publishes it.
    pub(super) fn chain(&self, key: &RsaPrivateKey, host: &str, days: (i64, i64)) -> String {
        format!("{}{}", self.leaf(key, host, days), self.intermediate)
    }

    fn tls(&self, host: &str) -> TlsAcceptor {
        let key = KeyPair::generate().unwrap();
        let leaf = params(host, (-1, 1)).signed_by(&key, &self.issuer).unwrap();
        let between = rcgen_der(&self.intermediate);
        let private = PrivatePkcs8KeyDer::from(key.serialize_der()).into();
        let config = ServerConfig::builder()
            .with_no_client_auth()
            .with_single_cert(vec![leaf.der().clone(), between], private)
            .unwrap();
        TlsAcceptor::from(Arc::new(config))
    }
}

fn rcgen_der(pem: &str) -> tokio_rustls::rustls::pki_types::CertificateDer<'static> {
    use tokio_rustls::rustls::pki_types::pem::PemObject as _;
    tokio_rustls::rustls::pki_types::CertificateDer::from_pem_slice(pem.as_bytes()).unwrap()
}

fn params(name: &str, (from_days, to_days): (i64, i64)) -> CertificateParams {
    let mut params = CertificateParams::new(vec![name.replace(' ', "-")]).unwrap();
    params.not_before = now() + Duration::days(from_days);
    params.not_after = now() + Duration::days(to_days);
    params.distinguished_name.push(DnType::CommonName, name);
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    params
}

/// PayPal's host as it answers one path, on loopback.
pub(super) struct Published {
    pub(super) address: SocketAddr,
    asked: Arc<AtomicUsize>,
}

impl Published {
    /// Answers every request with these bytes, head and all, over TLS for this host.
    pub(super) async fn answering(host: &'static str, answer: String) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (tls, asked) = (DIGICERT.tls(host), Arc::new(AtomicUsize::new(0)));
        let counted = Arc::clone(&asked);
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                counted.fetch_add(1, Ordering::SeqCst);
                let Ok(mut stream) = tls.accept(stream).await else { continue };
                let mut request = vec![0; 4096];
                if matches!(stream.read(&mut request).await, Ok(length) if length > 0) {
                    drop(stream.write_all(answer.as_bytes()).await);
                    drop(stream.shutdown().await);
                }
            }
        });
        Self { address, asked }
    }

    /// How many connections were made to it.
    pub(super) fn asked(&self) -> usize {
        self.asked.load(Ordering::SeqCst)
    }
}

/// An HTTP answer with this body.
pub(super) fn ok(body: &str) -> String {
    format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{body}", body.len())
}
