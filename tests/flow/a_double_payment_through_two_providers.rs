//! A payer who pays the same order twice, through two providers; the shop gives one of them back.

use serde_json::json;

use crate::story::Story;

async fn happens(story: Story) {
    story.order("D-1");
    story.alipay("paid", "D-1");
    story.until_status("D-1", "paid").await;
    story.wechat_pay("paid", "D-1");
    let opened = |order: &serde_json::Value| order["cases"][0]["status"] == "open";
    let order = story.until("D-1", "the case", opened).await;
    assert_eq!(order["status"], "paid");
    assert_eq!(order["cases"][0]["kind"], "duplicate_payment");
    assert_eq!(order["cases"][0]["amount"], 1250);
    assert_eq!(order["payments"].as_array().unwrap().len(), 2);
    assert_eq!(order["fulfilments"].as_array().unwrap().len(), 1, "the goods go out once");
    let (why, _) = story.explained("D-1");
    assert!(why.contains("12.50 CNY were paid beyond what was asked"), "{why}");

    story.alipay("refund-full", "D-1");
    let resolved = |order: &serde_json::Value| order["cases"][0]["status"] == "resolved";
    let order = story.until("D-1", "the case to close", resolved).await;
    assert_eq!((&order["status"], &order["refunded_amount"]), (&json!("paid"), &json!(1250)));
    assert_eq!(order["fulfilments"][0]["active"], true, "the other payment stands");
    story.rests(3).await;
    let (why, happened) = story.explained("D-1");
    assert!(why.contains("The goods may go out."), "{why}");
    assert!(!why.contains("A person must decide"), "{why}");
    let of_case = happened.iter().filter(|happened| happened.starts_with("case."));
    assert_eq!(of_case.collect::<Vec<_>>(), ["case.opened", "case.resolved"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn one_is_a_case_until_it_went_back() {
    happens(Story::on_servers().await).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn one_is_a_case_until_it_went_back_embedded() {
    happens(Story::embedded().await).await;
}
