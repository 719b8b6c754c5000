//! The providers as fuzzing meets them: an account with keys from a seed, its reader, and its signer.

use std::path::Path;
use std::sync::LazyLock;

use bytes::Bytes;
use rand::SeedableRng as _;
use rand::rngs::StdRng;
use rsa::RsaPrivateKey;
use rsa::pkcs8::{EncodePublicKey as _, LineEnding};
use shared::provider::material::Material;
use shared::provider::{
    Account, Genuine, Headers, Provider, Reader, Rejection, Request, Section, verify,
};
use time::OffsetDateTime;
use time::macros::datetime;

#[path = "fuzzed/signers.rs"]
mod signers;

pub use self::signers::Hand;

/// The clock of every run.
pub const NOW: OffsetDateTime = datetime!(2026-11-23 12:00:00 UTC);

static KEY: LazyLock<RsaPrivateKey> = LazyLock::new(|| {
    RsaPrivateKey::new(&mut StdRng::seed_from_u64(1), 2048).expect("2048 bits are enough")
});

/// Of so many inputs one is signed: those whose length it divides.
const SIGNED_OF: usize = 8;

/// One provider's account, and its provider.
pub struct Subject {
    account: Account,
    reader: Reader,
    hand: Hand,
}

impl Subject {
    /// The provider that a word names.
    pub fn of(word: &str) -> Option<Self> {
        let provider = Provider::from_word(word)?;
        let hand = Hand::of(provider, NOW);
        let table: toml::Table = hand.section.parse().ok()?;
        let section = Section::deserialize(provider, table).ok()?;
        let read = |path: &Path| {
            let file = files().into_iter().find(|(name, _)| path == Path::new(name));
            file.map(|(_, text)| text).ok_or_else(|| "no such file".to_owned())
        };
        let mut material = Material::new(&read);
        let (scheme, reader) = (section.scheme(&mut material), section.reader(&mut material));
        let name = "fuzzed".to_owned();
        Some(Self { account: Account { name, scheme: scheme? }, reader: reader?, hand })
    }

    /// Takes any input the three ways: as a request, as a genuine body, and as a body to be signed.
    pub fn meet(&self, input: &[u8]) {
        let request = request(input);
        if let Some(request) = &request
            && let Ok(verified) = verify(&self.account, request.clone(), NOW)
        {
            let carried = verified.carried().to_vec();
            self.read(&carried, &request.body);
        }
        self.read(&[], input);
        // Signing takes a thousand times as long as all the rest.
        if !input.len().is_multiple_of(SIGNED_OF) {
            return;
        }
        if let Some(signed) = self.hand.sign(input) {
            let verdict = verify(&self.account, signed.clone(), NOW);
            let called_forged =
                matches!(verdict, Err(Rejection::Forged | Rejection::Unsigned | Rejection::Stale));
            assert!(!called_forged, "what is signed is no forgery: {verdict:?}");
            if let Ok(verified) = verdict {
                self.read(verified.carried(), &signed.body);
            }
        }
    }

    /// Reading ends in notifications or in an error; what it says keeps the words' rules.
    fn read(&self, http: &[(String, String)], body: &[u8]) {
        let read = self.reader.read(&Genuine { http, received_at: NOW, body });
        for notification in read.into_iter().flatten() {
            assert!(!notification.identity.is_empty());
            if let Some(fact) = notification.fact {
                assert!(fact.transaction().is_none_or(|transaction| !transaction.is_empty()));
                assert!(fact.order_number().is_none_or(|number| !number.is_empty()));
            }
        }
    }
}

/// The files that the accounts' sections name.
pub fn files() -> [(&'static str, String); 3] {
    let public = KEY.to_public_key().to_public_key_pem(LineEnding::LF).unwrap_or_default();
    [
        ("public.pem", public),
        ("unionpay.pem", signers::UNIONPAY_CERTIFICATE.to_owned()),
        ("paypal.pem", signers::PAYPAL_CERTIFICATE.to_owned()),
    ]
}

/// Header lines, an empty line, the body; without an empty line it is all body.
fn request(input: &[u8]) -> Option<Request> {
    let divide = input.windows(2).position(|two| two == b"\n\n");
    let (head, body) = divide.map_or((&b""[..], input), |at| (&input[..at], &input[at + 2..]));
    let lines = head.split(|byte| *byte == b'\n');
    let pairs = lines.filter_map(|line| {
        let colon = line.iter().position(|byte| *byte == b':')?;
        Some((std::str::from_utf8(&line[..colon]).ok()?, &line[colon + 1..]))
    });
    let headers = Headers::new(pairs).ok()?;
    Some(Request { headers, body: Bytes::copy_from_slice(body) })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_provider_has_an_account_and_a_signer() {
        for provider in Provider::ALL {
            let subject = Subject::of(provider.as_str())
                .unwrap_or_else(|| panic!("{provider:?} is not fuzzed"));
            subject.meet(b"a=1&b=2");
        }
    }
}
