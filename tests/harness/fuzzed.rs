//! The providers as fuzzing meets them: an account with keys from a seed, its reader, and its signer.

use bytes::Bytes;
use rand::SeedableRng as _;
use rand::rngs::StdRng;
use rsa::RsaPrivateKey;
use shared::provider::alipay::{self, SignClass};
use shared::provider::form::Form;
use shared::provider::public_key::PublicKey;
use shared::provider::{
    Account, Genuine, Headers, Provider, Reader, Rejection, Request, Scheme, verify,
};
use time::OffsetDateTime;
use time::macros::datetime;

/// The clock of every run.
pub const NOW: OffsetDateTime = datetime!(2026-11-23 12:00:00 UTC);

/// One provider's account, and how its provider would sign any body for it.
pub struct Subject {
    account: Account,
    reader: Reader,
    sign: Box<dyn Fn(&[u8]) -> Option<Request> + Send + Sync>,
}

impl Subject {
    /// The provider that a word names.
    pub fn of(word: &str) -> Option<Self> {
        Some(match Provider::from_word(word)? {
            Provider::Alipay => alipay(),
        })
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
        if let Some(signed) = (self.sign)(input) {
            let verdict = verify(&self.account, signed.clone(), NOW);
            let called_forged = matches!(
                verdict,
                Err(Rejection::Forged | Rejection::Unsigned | Rejection::Stale)
            );
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
            for fact in notification.fact {
                assert!(fact.transaction().is_none_or(|transaction| !transaction.is_empty()));
                assert!(fact.order_number().is_none_or(|number| !number.is_empty()));
            }
        }
    }
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

fn rsa_key() -> RsaPrivateKey {
    RsaPrivateKey::new(&mut StdRng::seed_from_u64(1), 2048).expect("2048 bits are enough")
}

fn alipay() -> Subject {
    let key = rsa_key();
    let public_key = PublicKey::new(&key.to_public_key()).expect("2048 bits are enough");
    let settings = alipay::Settings {
        app_id: "2021".to_owned(),
        seller_id: Some("2088".to_owned()),
        keys: vec![public_key],
    };
    let sign = move |input: &[u8]| {
        let form = Form::parse(input).ok()?;
        let pairs: Vec<(String, Vec<u8>)> = form
            .iter()
            .filter(|(name, _)| !matches!(*name, b"sign" | b"sign_type"))
            .map(|(name, value)| Some((String::from_utf8(name.to_vec()).ok()?, value.to_vec())))
            .collect::<Option<_>>()?;
        let pairs: Vec<_> = pairs.iter().map(|(name, value)| (name.as_str(), &value[..])).collect();
        let body = alipay::sign(&pairs, SignClass::V1, &key);
        Some(Request { headers: Headers::default(), body: body.into() })
    };
    Subject {
        account: Account { name: "fuzzed".to_owned(), scheme: Scheme::Alipay(settings) },
        reader: Reader::Alipay(()),
        sign: Box::new(sign),
    }
}
