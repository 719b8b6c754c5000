//! A shop's order: paid, half of it refunded, then all of it; each told more than once.

use serde_json::json;

use crate::story::Story;

async fn happens(story: Story) {
    story.order("S-1");
    story.alipay("paid", "S-1");
    let order = story.until_status("S-1", "paid").await;
    assert_eq!(
        (&order["paid_amount"], &order["fulfilments"][0]["active"]),
        (&json!(1250), &json!(true))
    );

    story.alipay("duplicate", "S-1");
    story.alipay("refund-partial", "S-1");
    let order = story.until_status("S-1", "partially_refunded").await;
    assert_eq!(order["refunded_amount"], 625);
    assert_eq!(order["fulfilments"][0]["active"], true, "half of it is still paid");

    story.alipay("refund-full", "S-1");
    // What comes late changes nothing.
    story.alipay("paid", "S-1");
    story.alipay("refund-partial", "S-1");
    let order = story.until_status("S-1", "refunded").await;
    assert_eq!(order["refunded_amount"], 1250);
    assert_eq!(order["fulfilments"].as_array().unwrap().len(), 1);
    assert_eq!(order["fulfilments"][0]["active"], false);
    assert_eq!(order["cases"], json!([]));
    assert_eq!(order["payments"].as_array().unwrap().len(), 1);

    story.rests(7).await;
    let told = story.announced("S-1", 3).await;
    assert_eq!(told, ["order.paid.v1", "order.refunded.v1", "order.refunded.v1"]);
    let last = story.last_told("S-1");
    assert_eq!((&last["entitled"], &last["refunded_amount"]), (&json!(false), &json!(1250)));

    let (why, happened) = story.explained("S-1");
    for sentence in [
        "12.50 CNY were paid",
        "It is refunded: all 12.50 CNY went back.",
        "may not go out any more",
    ] {
        assert!(why.contains(sentence), "{why}");
    }
    for kind in ["written", "payment.", "refund.", "fulfilment.revoked", "notification.duplicate"] {
        assert!(happened.iter().any(|happened| happened.starts_with(kind)), "{happened:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn it_is_paid_and_refunded_in_parts() {
    happens(Story::on_servers().await).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn it_is_paid_and_refunded_in_parts_embedded() {
    happens(Story::embedded().await).await;
}
