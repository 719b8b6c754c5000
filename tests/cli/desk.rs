//! The desk of cases as a person works at it: assigned, noted, and ended by a word, exactly once.

use serde_json::{Value, json};

use crate::shop::Shop;

const NOBODYS: &str = "00000000-0000-8000-8000-000000000000";

fn only_case(shop: &Shop, order: &str) -> String {
    let listed = shop.run(&format!("cases list --order {order} -o json")).ends_with(0).json();
    let [case] = &listed.as_array().unwrap()[..] else { panic!("{listed}") };
    case["id"].as_str().unwrap().to_owned()
}

fn case(shop: &Shop, id: &str) -> Value {
    shop.run(&format!("cases show {id} -o json")).ends_with(0).json()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_amount_that_a_person_accepts_fulfils_its_order_once() {
    let shop = Shop::open().await;
    shop.import(&["A-1"]);
    shop.simulate("wrong-amount", "A-1").ends_with(0);
    shop.rest(1).await;
    let id = only_case(&shop, "A-1");
    assert_eq!(case(&shop, &id)["status"], "open");

    shop.run(&format!("cases assign {id} --to ming")).ends_with(0);
    shop.run(&format!("cases note {id} checked-with-the-bank")).ends_with(0);
    let worked_on = case(&shop, &id);
    assert_eq!(
        (&worked_on["status"], &worked_on["owner"]),
        (&json!("acknowledged"), &json!("ming"))
    );
    assert!(worked_on["notes"].to_string().contains("checked-with-the-bank"), "{worked_on}");
    assert_eq!(worked_on["evidence"].as_array().map(Vec::len), Some(1), "{worked_on}");

    let fulfil = format!("cases resolve {id} --as fulfil --reason agreed");
    shop.run(&format!("{fulfil} --saw 10")).ends_with(6);
    shop.run(&format!("{fulfil} --saw 11")).ends_with(0);
    shop.run(&fulfil).ends_with(6);
    let order = shop.order("A-1");
    assert_eq!((&order["status"], &order["paid_amount"]), (&json!("paid"), &json!(11)));
    assert_eq!(order["fulfilments"].as_array().map(Vec::len), Some(1), "{order}");
    let events: Vec<_> =
        order["events"].as_array().unwrap().iter().map(|event| &event["type"]).collect();
    assert_eq!(events, ["case.opened.v1", "order.paid.v1", "case.resolved.v1"]);
    let resolved = case(&shop, &id);
    assert_eq!(
        (&resolved["status"], &resolved["resolution"]),
        (&json!("resolved"), &json!("fulfil"))
    );
    let told = shop.run("orders timeline A-1 -o json").ends_with(0).json().to_string();
    assert!(told.contains("agreed"), "{told}");
    shop.run("orders explain A-1").ends_with(0);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_no_word_can_mend_is_refused_with_what_can_be_done() {
    let shop = Shop::open().await;
    shop.simulate("paid", "unknown").ends_with(0);
    for act in ["show", "acknowledge"] {
        shop.run(&format!("cases {act} {NOBODYS}")).ends_with(5);
    }
    shop.run(&format!("cases resolve {NOBODYS} --as ignore --reason none")).ends_with(5);
    shop.run(&format!("cases resolve {NOBODYS} --as pay --reason none")).ends_with(2);
    shop.run(&format!("cases resolve {NOBODYS} --as ignore")).ends_with(2);
}
