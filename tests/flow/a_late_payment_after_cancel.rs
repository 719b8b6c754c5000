//! A payer who pays an order that the shop cancelled meanwhile.

use serde_json::json;

use crate::story::Story;

async fn happens(story: Story) {
    story.order("L-1");
    let cancelled = story
        .at
        .answer(&["orders", "cancel", "L-1", "--reason", "sold out", "-o", "json"])
        .unwrap();
    assert!(cancelled.contains("cancelled"), "{cancelled}");
    story.alipay("paid", "L-1");
    let opened = |order: &serde_json::Value| order["cases"][0]["status"] == "open";
    let order = story.until("L-1", "the case", opened).await;
    assert_eq!((&order["status"], &order["fulfilments"]), (&json!("cancelled"), &json!([])));
    assert_eq!(order["cases"][0]["kind"], "paid_after_cancel");
    let (why, happened) = story.explained("L-1");
    assert!(why.contains("12.50 CNY of a payer are still here"), "{why}");
    assert!(why.contains("The goods stay here."), "{why}");
    for kind in ["cancelled", "order.cancel", "case.opened"] {
        assert!(happened.iter().any(|happened| happened == kind), "{happened:?}");
    }

    story.alipay("refund-full", "L-1");
    let resolved = |order: &serde_json::Value| order["cases"][0]["status"] == "resolved";
    let order = story.until("L-1", "the case to close", resolved).await;
    assert_eq!((&order["status"], &order["fulfilments"]), (&json!("cancelled"), &json!([])));
    story.rests(2).await;
    assert_eq!(story.announced("L-1", 1).await[0], "order.cancelled.v1");
}

#[tokio::test(flavor = "multi_thread")]
async fn it_is_a_case_and_nothing_goes_out() {
    happens(Story::on_servers().await).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn it_is_a_case_and_nothing_goes_out_embedded() {
    happens(Story::embedded().await).await;
}
