//! What strangers send to Adyen's door, and what must get in.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use serde_json::{Value, json};
use shared::broker::PublishError;
use shared::process::now;
use shared::provider::adyen::Settings;
use shared::provider::adyen::credentials::Credentials;
use shared::provider::{Account, Scheme, verify};
use shared::secret::Secret;

use crate::door::Door;
use crate::webhook::{Replies, Webhook, code, read};

pub(crate) mod sender;

use self::sender::{
    KEYS, SIGNATURE, batch, item, posted, reader, scheme, sealed, sealed_whole, settings, signed,
    text, webhook,
};

const REPLIES: Replies = Replies { accept: "[accepted]", reject: 401 };

#[tokio::test]
async fn what_holds_for_every_provider_holds_for_adyen() {
    let door = Door::of("adyen-common", scheme()).await;
    let genuine = webhook(&[signed(json!({}))]);
    REPLIES.hold_for_every_provider(&door, &genuine, &reader()).await;
    REPLIES.refused(&door, &genuine.around(b""), "malformed").await;
    REPLIES.refused(&door, &genuine.with("content-type", "text/xml"), "malformed").await;
    REPLIES.taken(&door, &webhook(&[signed(json!({"eventCode": "NEW_IN_2027"}))])).await;

    let refusing = Door::of_refusing("adyen-refusing", scheme(), PublishError::Unreachable).await;
    let answer = genuine.post(&refusing).await;
    assert_eq!((answer.status, answer.body.as_str()), (503, ""));
}

#[tokio::test]
async fn a_batch_is_whole_or_nothing() {
    let door = Door::of("adyen-batch", scheme()).await;
    let second = signed(json!({"pspReference": "P2", "merchantReference": "A-2"}));
    let parcel = REPLIES.taken(&door, &webhook(&[signed(json!({})), second.clone()])).await;
    let numbers: Vec<_> = read(&reader(), &parcel)
        .unwrap()
        .iter()
        .map(|notification| notification.payment().unwrap().order_number.clone())
        .collect();
    assert_eq!(numbers, ["A-1", "A-2"]);
    let both = sealed(second.clone(), &KEYS[1]);
    REPLIES.taken(&door, &webhook(&[signed(json!({})), both])).await;

    let mut changed = second.clone();
    changed["amount"]["value"] = 2001.into();
    let mut unsigned = second.clone();
    unsigned.as_object_mut().unwrap().remove("additionalData");
    let mut empty = second.clone();
    empty["additionalData"]["hmacSignature"] = "".into();
    let foreign = signed(json!({"merchantAccountCode": "Another"}));
    for (item, reason) in [
        (changed, "forged"),
        (sealed(second, b"another key"), "forged"),
        (unsigned, "unsigned"),
        (empty, "unsigned"),
        (foreign, "not_ours"),
        (json!({}), "malformed"),
    ] {
        for items in [[signed(json!({})), item.clone()], [item, signed(json!({}))]] {
            REPLIES.refused(&door, &webhook(&items), reason).await;
        }
    }
    REPLIES.refused(&door, &webhook(&[]), "malformed").await;
    REPLIES.refused(&door, &webhook(&vec![json!({}); 101]), "malformed").await;
}

#[tokio::test]
async fn words_stay_words_and_numbers_whole() {
    let door = Door::of("adyen-types", scheme()).await;
    for changes in [
        json!({"success": true}),
        json!({"success": "TRUE"}),
        json!({"success": null}),
        json!({"amount": {"value": "2000", "currency": "EUR"}}),
        json!({"amount": {"value": 2000.5, "currency": "EUR"}}),
        json!({"pspReference": 7}),
        json!({"merchantReference": ["A-1"]}),
    ] {
        REPLIES.refused(&door, &webhook(&[signed(changes)]), "malformed").await;
    }
    for live in [json!(false), json!(null), json!("no"), json!("False")] {
        let mut body = batch(&[signed(json!({}))]);
        body["live"] = live;
        REPLIES.refused(&door, &posted(&body), "malformed").await;
    }
    let mut live = batch(&[signed(json!({}))]);
    live["live"] = "true".into();
    REPLIES.refused(&door, &posted(&live), "not_ours").await;
    let twice = batch(&[signed(json!({}))]).to_string();
    let twice = twice.replace(r#""success":"true""#, r#""success":"true","success":"true""#);
    REPLIES.refused(&door, &Webhook::new(&[], twice.as_bytes()), "malformed").await;
}

#[tokio::test]
async fn what_no_signature_covers_decides_nothing() {
    let door = Door::of("adyen-uncovered", scheme()).await;
    let genuine = signed(json!({}));
    let honest =
        read(&reader(), &REPLIES.taken(&door, &webhook(std::slice::from_ref(&genuine))).await);
    let mut changed = genuine;
    changed["reason"] = "refused".into();
    changed["paymentMethod"] = "mc".into();
    changed["operations"] = json!([]);
    changed["additionalData"]["modification.action"] = "refund".into();
    let parcel = REPLIES.taken(&door, &webhook(&[changed])).await;
    assert_eq!(read(&reader(), &parcel), honest);
}

/// Every way to cut a genuine signed text into eight other fields.
#[test]
fn a_text_cut_at_other_colons_is_refused_though_its_signature_fits() {
    let account = Account { name: "adyen".to_owned(), scheme: scheme() };
    let verdict = |item: &Value| {
        verify(&account, webhook(std::slice::from_ref(item)).request().unwrap(), now()).map(drop)
    };
    let reference = "A-1:9:EUR:AUTHORISATION:true::Shop:ShopTwo:B";
    let honest = signed(json!({"merchantReference": reference, "originalReference": "O1"}));
    assert_eq!(verdict(&honest), Ok(()));
    let text = text(&honest);
    let pieces: Vec<&str> = text.split(':').collect();
    let mut cuts = 0;
    for chosen in 0_u32..1 << (pieces.len() - 1) {
        if chosen.count_ones() != 7 {
            continue;
        }
        let mut fields = vec![String::new()];
        for (at, piece) in pieces.iter().enumerate() {
            fields.last_mut().unwrap().push_str(piece);
            match at + 1 == pieces.len() {
                true => {}
                false if chosen >> at & 1 == 1 => fields.push(String::new()),
                false => fields.last_mut().unwrap().push(':'),
            }
        }
        let mut cut = honest.clone();
        for (key, field) in
            ["pspReference", "originalReference", "merchantAccountCode", "merchantReference"]
                .iter()
                .zip(&fields)
        {
            cut[*key] = field.as_str().into();
        }
        let Ok(value) = fields[4].parse::<i64>() else { continue };
        cut["amount"] = json!({"value": value, "currency": fields[5]});
        cut["eventCode"] = fields[6].as_str().into();
        cut["success"] = fields[7].as_str().into();
        assert_eq!(sender::text(&cut), text, "the signature fits");
        assert_eq!(verdict(&cut).is_ok(), cut == honest, "{fields:?}");
        cuts += 1;
    }
    assert!(cuts > 100, "{cuts}");
}

#[tokio::test]
async fn a_shifted_colon_is_counted_as_ambiguous() {
    let door = Door::of("adyen-colons", scheme()).await;
    let mut shifted = signed(json!({"merchantReference": "ShopTwo:A-1"}));
    shifted["originalReference"] = ":Shop".into();
    shifted["merchantAccountCode"] = "ShopTwo".into();
    shifted["merchantReference"] = "A-1".into();
    assert_eq!(text(&shifted), text(&item(json!({"merchantReference": "ShopTwo:A-1"}))));
    REPLIES.refused(&door, &webhook(&[shifted]), "ambiguous").await;
    REPLIES.taken(&door, &webhook(&[signed(json!({"merchantReference": "ShopTwo:A-1"}))])).await;
}

#[tokio::test]
async fn a_whole_body_is_proven_by_the_header_alone() {
    let door = Door::of("adyen-whole", scheme()).await;
    let platform = json!({"type": "balancePlatform.transfer.updated", "environment": "test",
        "data": {"amount": {"value": 2000, "currency": "EUR"}, "reference": "A-1"}});
    let genuine = sealed_whole(&platform, &KEYS[1]);
    let parcel = REPLIES.taken(&door, &genuine).await;
    assert_eq!(read(&reader(), &parcel).unwrap()[0].fact, None);
    REPLIES.taken(&door, &genuine.without("protocol")).await;

    REPLIES.refused(&door, &genuine.without(SIGNATURE), "unsigned").await;
    REPLIES.refused(&door, &genuine.with(SIGNATURE, ""), "unsigned").await;
    REPLIES.refused(&door, &genuine.and(SIGNATURE, "AAAA"), "malformed").await;
    REPLIES.refused(&door, &genuine.with(SIGNATURE, "MismatchingHmacKey="), "forged").await;
    REPLIES.refused(&door, &genuine.with("protocol", "HmacSHA1"), "wrong_algorithm").await;
    let body = platform.to_string().replace("2000", "2001");
    REPLIES.refused(&door, &genuine.around(body.as_bytes()), "forged").await;
    REPLIES.refused(&door, &sealed_whole(&platform, b"another key"), "forged").await;
    let mut live = platform;
    live["environment"] = "live".into();
    REPLIES.refused(&door, &sealed_whole(&live, &KEYS[0]), "not_ours").await;

    // Items within a proven body need no signature of their own, but a wrong header spoils good ones.
    let unsigned = batch(&[item(json!({}))]);
    let parcel = REPLIES.taken(&door, &sealed_whole(&unsigned, &KEYS[0])).await;
    assert!(read(&reader(), &parcel).unwrap()[0].payment().is_some());
    let good = webhook(&[signed(json!({}))]);
    REPLIES.refused(&door, &good.and(SIGNATURE, "AAAA"), "forged").await;
    // An item's signed text is no body.
    let text = text(&item(json!({})));
    let signature = BASE64.encode(code(&KEYS[0], text.as_bytes()));
    let posed = Webhook::new(&[(SIGNATURE, &signature)], text.as_bytes());
    REPLIES.refused(&door, &posed, "malformed").await;
}

#[tokio::test]
async fn credentials_are_wanted_where_they_are_configured() {
    let credentials = Credentials::new("adyen", &Secret::new("päss:word".to_owned()));
    let (_, right) = credentials.header();
    let settings = Settings { credentials: Some(credentials), ..settings() };
    let door = Door::of("adyen-basic", Scheme::Adyen(settings)).await;
    let genuine = webhook(&[signed(json!({}))]);
    REPLIES.taken(&door, &genuine.and("authorization", &right)).await;
    REPLIES.taken(&door, &genuine.and("authorization", &right.replace("Basic", "bASIC"))).await;
    let wrong = format!("Basic {}", BASE64.encode("adyen:password"));
    for (value, reason) in [
        ("", "unsigned"),
        ("Basic", "unsigned"),
        ("Bearer x", "wrong_algorithm"),
        ("Basic ?", "forged"),
        (&wrong, "forged"),
        ("Basic Og==", "forged"),
    ] {
        REPLIES.refused(&door, &genuine.and("authorization", value), reason).await;
    }
    REPLIES.refused(&door, &genuine, "unsigned").await;
    let forged = webhook(&[item(json!({}))]).and("authorization", &right);
    REPLIES.refused(&door, &forged, "unsigned").await;
}
