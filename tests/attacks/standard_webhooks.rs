//! What strangers send to a Standard Webhooks door, and what must get in.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use shared::broker::PublishError;
use shared::process::now;
use shared::provider::mac::key::MacKey;
use shared::provider::standard_webhooks::mapping::{Mapping, MappingSection};
use shared::provider::standard_webhooks::{PrivateKey, PublicKey, Settings, key_of, sign_v1a};
use shared::provider::{Account, Reader, Rejection, Scheme, verify};
use shared::secret::Secret;
use time::{Duration, OffsetDateTime};

use crate::door::Door;
use crate::webhook::{Replies, Webhook, code, read};

const KEYS: [[u8; 24]; 2] = [[7; 24], [8; 24]];
const REPLIES: Replies = Replies { accept: "", reject: 401 };
const SIGNATURE: &str = "webhook-signature";
const PAID: &str = r#"{"type":"payment.succeeded","timestamp":"2026-11-23T12:00:00Z","data":
    {"transaction":"T-1","order_no":"A-1","amount":2000,"currency":"EUR"}}"#;
/// The pair of the standard's published example.
const PRIVATE_KEY: &str =
    "whsk_6Xb/dCcHpPea21PS1N9VY/NZW723CEc77N4rJCubMbfVKIDij2HKpMKkioLlX0dRqSKJp4AJ6p9lMicMFs6Kvg==";
const PUBLIC_KEY: &str = "whpk_1SiA4o9hyqTCpIqC5V9HUakiiaeACeqfZTInDBbOir4=";

pub(crate) fn scheme() -> Scheme {
    let secrets = KEYS.map(|key| MacKey::new(key.to_vec())).to_vec();
    Scheme::StandardWebhooks(Settings { secrets, public_keys: vec![] })
}

fn public_scheme() -> Scheme {
    let public_keys = vec![PublicKey::parse(PUBLIC_KEY).unwrap()];
    Scheme::StandardWebhooks(Settings { secrets: vec![], public_keys })
}

pub(crate) fn reader() -> Reader {
    Reader::StandardWebhooks(Mapping::new(&MappingSection::default()).unwrap())
}

fn entry(id: &str, time: &str, body: &str, key: &[u8]) -> String {
    format!("v1,{}", BASE64.encode(code(key, format!("{id}.{time}.{body}").as_bytes())))
}

fn signed_with(id: &str, time: &str, body: &str, key: &[u8]) -> Webhook {
    let signature = entry(id, time, body, key);
    let headers = [("webhook-id", id), ("webhook-timestamp", time), (SIGNATURE, &signature)];
    Webhook::new(&headers, body.as_bytes())
}

fn seconds(at: OffsetDateTime) -> String {
    at.unix_timestamp().to_string()
}

/// A body signed now, with the first secret.
pub(crate) fn signed(body: &str) -> Webhook {
    signed_with("msg_1", &seconds(now()), body, &KEYS[0])
}

pub(crate) fn paid() -> Webhook {
    signed(PAID)
}

fn renamed(webhook: &Webhook) -> Webhook {
    let rename =
        |(name, value): &(String, String)| (name.replace("webhook-", "svix-"), value.clone());
    Webhook { headers: webhook.headers.iter().map(rename).collect(), body: webhook.body.clone() }
}

#[tokio::test]
async fn what_holds_for_every_provider_holds_for_standard_webhooks() {
    let door = Door::of("standard-common", scheme()).await;
    REPLIES.hold_for_every_provider(&door, &paid(), &reader()).await;
    let notification = read(&reader(), &door.enqueued()[0]).unwrap().remove(0);
    assert_eq!(notification.identity, "msg_1");
    assert_eq!(notification.payment().unwrap().order_number, "A-1");
    REPLIES.taken(&door, &signed(r#"{"type":"new.in_2027"}"#)).await;
    REPLIES.taken(&door, &signed("")).await;

    let refusing =
        Door::of_refusing("standard-refusing", scheme(), PublishError::Unreachable).await;
    let answer = paid().post(&refusing).await;
    assert_eq!((answer.status, answer.body.as_str()), (503, ""));
}

#[tokio::test]
async fn each_part_of_the_message_is_signed() {
    let door = Door::of("standard-parts", scheme()).await;
    let genuine = paid();
    let later = seconds(now() + Duration::seconds(1));
    for webhook in [
        genuine.with("webhook-id", "msg_2"),
        genuine.with("webhook-timestamp", &later),
        genuine.around(PAID.replace("2000", "2001").as_bytes()),
        genuine.around(b""),
        signed_with("msg_1", &seconds(now()), PAID, b"another key"),
        signed_with("msg_1", &seconds(now()), PAID, b""),
    ] {
        REPLIES.refused(&door, &webhook, "forged").await;
    }
    for name in ["webhook-id", "webhook-timestamp", SIGNATURE] {
        REPLIES.refused(&door, &genuine.without(name), "unsigned").await;
        REPLIES.refused(&door, &genuine.with(name, ""), "unsigned").await;
        let value = genuine.headers.iter().find(|(known, _)| known == name).unwrap().1.clone();
        REPLIES.refused(&door, &genuine.and(name, &value), "malformed").await;
    }
    REPLIES.taken(&door, &signed_with("msg_1", &seconds(now()), PAID, &KEYS[1])).await;
}

#[tokio::test]
async fn the_id_shows_where_it_ends() {
    let door = Door::of("standard-id", scheme()).await;
    let time = seconds(now());
    for id in ["msg.1", ".", "msg_1."] {
        let webhook = signed_with(id, &time, PAID, &KEYS[0]);
        REPLIES.refused(&door, &webhook, "ambiguous").await;
    }
    let long = signed_with(&"m".repeat(129), &time, PAID, &KEYS[0]);
    REPLIES.refused(&door, &long, "malformed").await;
    REPLIES.taken(&door, &signed_with(&"m".repeat(128), &time, PAID, &KEYS[0])).await;
}

#[tokio::test]
async fn a_timestamp_is_whole_seconds_near_now() {
    let door = Door::of("standard-time", scheme()).await;
    for time in ["1e9", "1790000000.0", "-1", "+1", "0x1", "99999999999999999999"] {
        REPLIES.refused(&door, &signed_with("msg_1", time, PAID, &KEYS[0]), "malformed").await;
    }
    for away in [-100_000, -400, 400, 100_000] {
        let time = seconds(now() + Duration::seconds(away));
        REPLIES.refused(&door, &signed_with("msg_1", &time, PAID, &KEYS[0]), "stale").await;
    }
    let account = Account { name: "standard".to_owned(), scheme: scheme() };
    let at = now();
    let request = signed_with("msg_1", &seconds(at), PAID, &KEYS[0]).request().unwrap();
    for (away, expected) in [(299, Ok(())), (300, Ok(())), (301, Err(Rejection::Stale))] {
        for later in [Duration::seconds(away), Duration::seconds(-away)] {
            assert_eq!(
                verify(&account, request.clone(), at + later).map(drop),
                expected,
                "{later}"
            );
        }
    }
}

#[tokio::test]
async fn one_good_signature_among_others_is_enough() {
    let door = Door::of("standard-entries", scheme()).await;
    let genuine = paid();
    let good = genuine.headers[3].1.clone();
    let (_, code) = good.split_once(',').unwrap();
    for header in [
        format!("v1,AAAA v2,{code} {good}"),
        format!("{good} {good}"),
        format!("nocomma  {good} , v1"),
        format!("v1a,{code} {good}"),
    ] {
        REPLIES.taken(&door, &genuine.with(SIGNATURE, &header)).await;
    }
    let unpadded = code.trim_end_matches('=');
    for (header, reason) in [
        (code.to_owned(), "wrong_algorithm"),
        (format!("v2,{code}"), "wrong_algorithm"),
        (format!("V1,{code}"), "wrong_algorithm"),
        (format!("v1a,{code}"), "wrong_algorithm"),
        ("v1".to_owned(), "wrong_algorithm"),
        ("v1,".to_owned(), "forged"),
        (format!("v1,{unpadded}"), "forged"),
        (format!("v1,{code}="), "forged"),
        (format!("v1,{}", &code[4..]), "forged"),
        (format!("v1,{code},"), "forged"),
        (format!("{good} ").repeat(17), "malformed"),
    ] {
        REPLIES.refused(&door, &genuine.with(SIGNATURE, &header), reason).await;
    }
}

#[tokio::test]
async fn svix_names_are_as_good_and_names_are_never_mixed() {
    let door = Door::of("standard-svix", scheme()).await;
    let genuine = paid();
    let svix = renamed(&genuine);
    let parcel = REPLIES.taken(&door, &svix).await;
    assert_eq!(read(&reader(), &parcel).unwrap()[0].identity, "msg_1");
    // Another id beside a genuine one gives the message no other identity.
    let parcel = REPLIES.taken(&door, &genuine.and("svix-id", "msg_2")).await;
    assert_eq!(read(&reader(), &parcel).unwrap()[0].identity, "msg_1");
    REPLIES.refused(&door, &svix.and("webhook-id", "msg_2"), "unsigned").await;
    let signature = genuine.headers[3].1.clone();
    let mixed = genuine.without(SIGNATURE).and("svix-signature", &signature);
    REPLIES.refused(&door, &mixed, "unsigned").await;
}

#[tokio::test]
async fn a_key_of_one_algorithm_proves_nothing_of_the_other() {
    let door = Door::of("standard-ed25519", public_scheme()).await;
    let key = PrivateKey::parse(PRIVATE_KEY).unwrap();
    let at = now();
    let headers = sign_v1a("msg_1", PAID.as_bytes(), &key, at);
    let headers: Vec<_> = headers.iter().map(|(name, value)| (*name, value.as_str())).collect();
    let genuine = Webhook::new(&headers, PAID.as_bytes());
    REPLIES.taken(&door, &genuine).await;

    let signature = headers[2].1.replace("v1a,", "v1,");
    REPLIES.refused(&door, &genuine.with(SIGNATURE, &signature), "wrong_algorithm").await;
    // Everybody knows the public key; as a secret it would sign anything.
    let public = BASE64.decode(PUBLIC_KEY.trim_start_matches("whpk_")).unwrap();
    let posed = signed_with("msg_1", &seconds(at), PAID, &public);
    REPLIES.refused(&door, &posed, "wrong_algorithm").await;
    let posed =
        posed.with(SIGNATURE, &entry("msg_1", &seconds(at), PAID, &public).replace("v1,", "v1a,"));
    REPLIES.refused(&door, &posed, "forged").await;
    REPLIES.refused(&door, &genuine.around(b"{}"), "forged").await;

    let with_secrets = Door::of("standard-hmac", scheme()).await;
    REPLIES.refused(&with_secrets, &genuine, "wrong_algorithm").await;
}

#[test]
fn a_secret_counts_with_and_without_its_padding() {
    let bytes: [u8; 25] = std::array::from_fn(|at| at as u8);
    let padded = format!("whsec_{}", BASE64.encode(bytes));
    let unpadded = padded.trim_end_matches('=').to_owned();
    assert_ne!(padded, unpadded);
    let keys = [padded, unpadded].map(|text| key_of(&Secret::new(text)).unwrap());
    assert_eq!(keys[0].fingerprint(), keys[1].fingerprint());
    assert_eq!(keys[0].code(&[b"x"]).to_vec(), code(&bytes, b"x"));
}
