//! Reloading, on real files, without letting time pass.

use std::fs;

use rcgen::{KeyPair, PKCS_RSA_SHA256};
use tempfile::TempDir;

use super::*;
use crate::provider::Scheme;
use crate::provider::paypal::published::{CertificateUrl, Environment};

/// A configuration in a folder of its own, and what follows it.
struct Trial {
    folder: TempDir,
    live: Live,
}

fn public_key() -> String {
    KeyPair::generate_for(&PKCS_RSA_SHA256).unwrap().public_key_pem()
}

fn section(name: &str) -> String {
    format!(
        "[accounts.{name}]\nprovider = \"alipay\"\napp_id = \"1\"\npublic_keys = [\"one.pem\"]\n"
    )
}

impl Trial {
    fn new(part: Part) -> Self {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("one.pem"), public_key()).unwrap();
        fs::write(folder.path().join("quittance.toml"), section("shop")).unwrap();
        let config = load::load(Some(&folder.path().join("quittance.toml"))).unwrap();
        let live = Live::open(&config, part).unwrap();
        Self { folder, live }
    }

    fn write(&self, name: &str, text: &str) {
        fs::write(self.folder.path().join(name), text).unwrap();
    }

    fn has_moved(&self) -> bool {
        self.live.follow.seen.again() != self.live.follow.seen
    }

    async fn reload(&mut self) -> Outcome {
        let file = self.live.follow.file.clone().unwrap();
        let attempt = Attempt::new(file.as_deref(), self.live.follow.part);
        self.live.follow.reload("a test").await;
        match attempt.held {
            Ok(_) if self.live.accounts.has_changed().unwrap() => Outcome::Applied,
            Ok(_) => Outcome::Unchanged,
            Err(_) => Outcome::Refused,
        }
    }

    fn keys(&self) -> Vec<String> {
        let accounts = self.live.accounts.borrow();
        let notes = accounts.of("shop").map(|account| account.scheme.keys()).unwrap_or_default();
        notes.into_iter().map(|note| note.id).collect()
    }
}

#[tokio::test]
async fn a_new_key_is_taken_over_and_a_removed_one_goes() {
    let mut trial = Trial::new(Part::Both);
    let first = trial.keys();
    assert!(!trial.has_moved());
    trial.write("two.pem", &public_key());
    assert!(!trial.has_moved(), "no key names it yet");
    trial.write("quittance.toml", &section("shop").replace("[\"one", "[\"two.pem\", \"one"));
    assert!(trial.has_moved());
    assert_eq!(trial.reload().await, Outcome::Applied);
    assert!(!trial.has_moved());
    let both = trial.keys();
    assert!(both.len() == 2 && both.contains(&first[0]), "{both:?}");

    trial.live.accounts.mark_unchanged();
    trial.write("quittance.toml", &section("shop").replace("one", "two"));
    assert_eq!(trial.reload().await, Outcome::Applied);
    assert_eq!(trial.keys().len(), 1);
    assert_ne!(trial.keys(), first);
}

#[tokio::test]
async fn a_key_file_that_changes_under_its_name_is_seen() {
    let mut trial = Trial::new(Part::Proving);
    let first = trial.keys();
    trial.write("one.pem", &public_key());
    assert!(trial.has_moved());
    assert_eq!(trial.reload().await, Outcome::Applied);
    assert_ne!(trial.keys(), first);
    assert!(trial.live.readers.borrow().0.is_empty(), "an ingress holds nothing to read with");
}

#[tokio::test]
async fn what_is_wrong_leaves_everything_as_it_was() {
    let mut trial = Trial::new(Part::Both);
    let first = trial.keys();
    for wrong in [
        "not toml",
        "[accounts.shop]\nprovider = \"alipay\"\n",
        &section("shop").replace("one.pem", "nowhere.pem"),
        &format!("{}[worker]\nlanes = 0\n", section("other")),
        &format!("{}quarantine = true\n", section("shop")),
        &section("other").replace("provider", "provder"),
    ] {
        trial.write("quittance.toml", wrong);
        assert!(trial.has_moved(), "{wrong}");
        assert_eq!(trial.reload().await, Outcome::Refused, "{wrong}");
        assert!(!trial.has_moved(), "it is not tried again before it changes: {wrong}");
        assert_eq!(trial.keys(), first, "{wrong}");
    }
    fs::remove_file(trial.folder.path().join("quittance.toml")).unwrap();
    assert!(trial.has_moved());
    assert_eq!(trial.reload().await, Outcome::Refused, "a file that is gone");
    trial.write("quittance.toml", &section("shop"));
    assert!(trial.has_moved());
    assert_eq!(trial.reload().await, Outcome::Unchanged, "it is right again");
    assert_eq!(trial.keys(), first);
}

#[tokio::test]
async fn a_key_file_that_comes_later_mends_what_was_wrong() {
    let mut trial = Trial::new(Part::Proving);
    trial.write("quittance.toml", &section("shop").replace("one.pem", "late.pem"));
    assert_eq!(trial.reload().await, Outcome::Refused);
    trial.write("late.pem", &public_key());
    assert!(trial.has_moved(), "the file that was missing is looked for");
    assert_eq!(trial.reload().await, Outcome::Applied);
}

#[tokio::test]
async fn other_sections_need_a_restart_and_change_no_account() {
    let mut trial = Trial::new(Part::Both);
    trial.write("quittance.toml", &format!("[worker]\nlanes = 3\n{}", section("shop")));
    assert_eq!(trial.reload().await, Outcome::Unchanged);
    let follow = &trial.live.follow;
    let restart = changes(&follow.started, &follow.current).restart;
    assert_eq!(restart.into_iter().collect::<Vec<_>>(), ["worker.lanes"]);
}

/// A root, and what it issues for PayPal.
fn published() -> (String, String) {
    use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer};
    let (mut authority, key) =
        (CertificateParams::new(vec![]).unwrap(), KeyPair::generate().unwrap());
    authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let root = authority.self_signed(&key).unwrap().pem();
    let leaf = CertificateParams::new(vec![Environment::Live.signer().to_owned()]).unwrap();
    let leaf_key = KeyPair::generate_for(&PKCS_RSA_SHA256).unwrap();
    (root, leaf.signed_by(&leaf_key, &Issuer::new(authority, key)).unwrap().pem())
}

#[tokio::test]
async fn what_was_fetched_stays_as_long_as_its_roots() {
    let mut trial = Trial::new(Part::Proving);
    let ((root, leaf), (other, _)) = (published(), published());
    trial.write("root.pem", &root);
    trial.write("other.pem", &other);
    let paypal = |roots: &str, webhook: &str| {
        let own = format!("provider = \"paypal\"\nenvironment = \"live\"\nroots = [{roots}]\n");
        format!("[accounts.shop]\n{own}webhook_id = \"{webhook}\"\nfetch_certificates = true\n")
    };
    trial.write("quittance.toml", &paypal("\"root.pem\"", "1"));
    assert_eq!(trial.reload().await, Outcome::Applied);
    let accounts = trial.live.accounts.borrow().clone();
    let Scheme::PayPal(settings) = &accounts.of("shop").unwrap().scheme else { panic!("PayPal") };
    let url = "https://api.paypal.com/v1/notifications/certs/CERT-1";
    let url = CertificateUrl::parse(url, Environment::Live).unwrap();
    settings.trust.admit(url, leaf.as_bytes(), crate::process::now()).unwrap();
    assert_eq!(trial.keys().len(), 2);
    for (roots, webhook, keys) in [
        ("\"root.pem\"", "2", 2),
        ("\"root.pem\", \"other.pem\"", "2", 3),
        ("\"other.pem\"", "2", 1),
    ] {
        trial.live.accounts.mark_unchanged();
        trial.write("quittance.toml", &paypal(roots, webhook));
        assert_eq!(trial.reload().await, Outcome::Applied);
        assert_eq!(trial.keys().len(), keys, "{roots}");
    }
}

#[tokio::test]
async fn an_account_may_come_and_go() {
    let mut trial = Trial::new(Part::Both);
    trial.write("quittance.toml", &format!("{}{}", section("shop"), section("outlet")));
    assert_eq!(trial.reload().await, Outcome::Applied);
    assert!(trial.live.accounts.borrow().of("outlet").is_some());
    assert_eq!(trial.live.readers.borrow().0.len(), 2);
    trial.live.accounts.mark_unchanged();
    trial.write("quittance.toml", &section("outlet"));
    assert_eq!(trial.reload().await, Outcome::Applied);
    assert!(trial.live.accounts.borrow().of("shop").is_none());
}
