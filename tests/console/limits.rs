//! Many at once, and orders at every limit.

use futures_util::future::join_all;
use harness::installation::Installation;
use serde_json::json;

use crate::client::Console;

const ORDERS: &str = "/api/v1/orders";

async fn many_at_once_are_each_answered(at: Installation) {
    let console = Console::open(at).await;
    // The same order from many sides: one inserts it, and the others find it.
    let order = json!({"order_no": "A", "amount": 10, "currency": "CNY"}).to_string();
    let answers = join_all((0..60).map(|_| console.post(ORDERS, order.clone()))).await;
    let count = |wanted| answers.iter().filter(|(status, _)| *status == wanted).count();
    assert_eq!((count(201), count(200)), (1, 59));

    // Lists that share orders in opposite order do not wait for each other for ever.
    let list = |reverse: bool| {
        let mut orders: Vec<_> = (0..50)
            .map(|index| json!({"order_no": format!("L-{index:02}"), "amount": 10, "currency": "CNY"}))
            .collect();
        if reverse {
            orders.reverse();
        }
        json!(orders).to_string()
    };
    let asked = join_all((0..20).map(|index| console.post(ORDERS, list(index % 2 == 0)))).await;
    assert!(
        asked.iter().all(|(status, _)| *status == 200),
        "{:?}",
        asked.iter().map(|(status, _)| status).collect::<Vec<_>>()
    );
    let inserted: u64 = asked.iter().map(|(_, body)| body["inserted"].as_u64().unwrap()).sum();
    assert_eq!(inserted, 50);

    // One number for many orders: one of them gets it, the others are told.
    let claim = |index: usize| {
        json!({"order_no": format!("C-{index}"), "amount": 1, "currency": "CNY", "numbers": ["shared"]}).to_string()
    };
    let claims = join_all((0..20).map(|index| console.post(ORDERS, claim(index)))).await;
    let won = claims.iter().filter(|(status, _)| *status == 201).count();
    let lost = claims.iter().filter(|(status, _)| [409, 503].contains(status)).count();
    assert_eq!((won, lost), (1, 19));
}

#[tokio::test(flavor = "multi_thread")]
async fn many_at_once_are_each_answered_embedded() {
    many_at_once_are_each_answered(Installation::embedded().unwrap()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn many_at_once_are_each_answered_on_servers() {
    many_at_once_are_each_answered(Installation::on_servers().await.unwrap()).await;
}

async fn a_number_is_refused_or_stored_exactly(at: Installation) {
    let console = Console::open(at).await;
    let longest = "ü".repeat(64);
    for number in [
        "=1+1",
        "'; drop table orders; --",
        "订单-🧾",
        "%2F",
        "a/b?c#d",
        "\u{feff}A",
        longest.as_str(),
    ] {
        let order = json!({"order_no": number, "amount": i64::MAX, "currency": "JPY"});
        assert_eq!(console.post(ORDERS, order.to_string()).await.0, 201, "{number}");
        let encoded: String = number.bytes().map(|byte| format!("%{byte:02X}")).collect();
        let (status, shown) = console.get(&format!("{ORDERS}/{encoded}")).await;
        assert_eq!((status, &shown["order_no"]), (200, &json!(number)));
        let (status, _) =
            console.post(&format!("{ORDERS}/{encoded}/cancel"), r#"{"reason":"r"}"#).await;
        assert_eq!(status, 200, "{number}");
    }
    for number in ["", " a", "a ", "a\nb", "a\u{0}b", "\u{7f}", &"x".repeat(129)] {
        let order = json!({"order_no": number, "amount": 1, "currency": "CNY"});
        let (status, body) = console.post(ORDERS, order.to_string()).await;
        assert_eq!((status, &body["field"]), (422, &json!("order_no")), "{number:?}");
    }
    let further =
        json!({"order_no": "A", "amount": 1, "currency": "CNY", "numbers": vec!["n"; 17]});
    let (status, body) = console.post(ORDERS, further.to_string()).await;
    assert_eq!((status, &body["field"]), (422, &json!("numbers")));
    assert_eq!(console.get(&format!("{ORDERS}/%00")).await.0, 404);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_number_is_refused_or_stored_exactly_embedded() {
    a_number_is_refused_or_stored_exactly(Installation::embedded().unwrap()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_number_is_refused_or_stored_exactly_on_servers() {
    a_number_is_refused_or_stored_exactly(Installation::on_servers().await.unwrap()).await;
}
