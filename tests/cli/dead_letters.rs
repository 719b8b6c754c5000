//! The desk of dead letters as a person works at it.

use std::time::Duration;

use harness::{sqlite, wait};
use serde_json::{Value, json};

use crate::shop::Shop;

const NOBODYS: &str = "00000000-0000-8000-8000-000000000000";
const PATIENCE: Duration = Duration::from_secs(60);

/// From now on the ledger refuses every payment.
pub(crate) async fn break_ledger(shop: &Shop) {
    let rule = "create trigger a_cause before insert on payments \
                begin select raise(abort, 'order: a cause'); end";
    sqlite::sql(&shop.at.path("data/quittance.db"), rule).await.unwrap();
}

/// The only group, once it has so many open letters.
pub(crate) async fn group(shop: &Shop, open: i64) -> Value {
    wait::until("the letters", PATIENCE, || async {
        let groups = shop.run("dead-letters groups -o json").ends_with(0).json();
        let group = groups.as_array()?.first()?.clone();
        (group["open"] == open).then_some(group)
    })
    .await
    .unwrap()
}

fn letters(shop: &Shop, query: &str) -> Vec<Value> {
    let listed = shop.run(&format!("dead-letters list -q {query} -o json")).ends_with(0).json();
    listed.as_array().unwrap().clone()
}

#[tokio::test(flavor = "multi_thread")]
async fn letters_are_found_by_their_cause_and_worth() {
    let shop = Shop::open().await;
    shop.import(&["A-1", "A-2"]);
    break_ledger(&shop).await;
    for order in ["A-1", "A-2"] {
        shop.simulate("paid", order).ends_with(0);
    }
    let found = group(&shop, 2).await;
    assert_eq!((&found["stage"], &found["code"]), (&json!("settle"), &json!("refused")));
    assert_eq!(found["at_stake"], json!([{ "amount": 20, "currency": "CNY" }]));
    assert_eq!((&found["status"], &found["orders"]), (&json!("open"), &json!(2)));
    assert_eq!(letters(&shop, "provider:alipay").len(), 2);
    assert_eq!(letters(&shop, "age:>2h").len(), 0);
    for (query, found) in [
        ("text:CAUSE", 2),
        ("text:another", 0),
        ("attempts:>=1", 2),
        ("attempts:>=2", 0),
        (concat!("version:", env!("CARGO_PKG_VERSION")), 2),
        ("version:0.0.1", 0),
    ] {
        assert_eq!(letters(&shop, query).len(), found, "{query}");
    }
    shop.run("dead-letters count").ends_with(0).prints(&["2\n"]);
    shop.run("dead-letters count -q provider:alipay --max 2 -o json").ends_with(0);
    shop.run("dead-letters count --max 1").ends_with(9).prints(&["2\n"]);
    let of_order = letters(&shop, "order:A-1");
    assert_eq!(of_order.len(), 1, "{of_order:?}");
    let misspelt = shop.run("dead-letters list -q code:refuzed").ends_with(0);
    assert!(misspelt.stderr.contains("no code is called `refuzed`; there are"), "{misspelt}");
    for word in ["stage:sela", "code:refuzed", "provider:nope"] {
        let count = format!("dead-letters count -q {word} --max 0");
        shop.run(&count).ends_with(2).complains_of(&["is called", "there are"]);
    }
    shop.run("dead-letters list -q colour:red").ends_with(2).complains_of(&["at 1", "provider"]);
    shop.run("dead-letters groups").ends_with(0).prints(&["0.20 CNY", "refused"]);

    let id = of_order[0]["id"].as_str().unwrap();
    let shown = shop.run(&format!("dead-letters show {id} -o json")).ends_with(0).json();
    assert_eq!((&shown["body"], &shown["revealed"]), (&json!("kept"), &json!(null)));
    assert_eq!(shown["attempts"][0]["code"], "refused");
    assert!(shown["attempts"][0]["worker"].is_string(), "{shown}");
    shop.run(&format!("dead-letters show {id}")).ends_with(0).prints(&["settle", "•••"]);
    shop.run(&format!("dead-letters show {id} --reveal")).ends_with(2);
    let revealed = shop.run(&format!("dead-letters show {id} --reveal --reason dispute -o json"));
    let revealed = revealed.ends_with(0).json();
    assert!(revealed["revealed"].as_str().unwrap().contains("out_trade_no=A-1"), "{revealed}");
    shop.run(&format!("dead-letters show {NOBODYS}")).ends_with(5);
    assert_eq!(shop.run("dead-letters export").ends_with(0).lines().len(), 2);
    for (query, count) in [("state:any", 2), ("order:none", 0)] {
        let export = shop.run(&format!("dead-letters export -q {query} -o json")).ends_with(0);
        assert_eq!(export.json().as_array().map(Vec::len), Some(count), "one document");
    }
    let balance = shop.rest(2).await;
    assert_eq!((&balance["dead"], &balance["unaccounted"]), (&json!(2), &json!(0)));
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_discarded_but_by_count_and_reason_and_it_comes_back() {
    let shop = Shop::open().await;
    break_ledger(&shop).await;
    for order in ["A-1", "A-2"] {
        shop.simulate("paid", order).ends_with(0);
    }
    let group = group(&shop, 2).await;
    let group = group["id"].as_str().unwrap();
    let discard = format!("dead-letters discard -q group:{group} --reason seen");
    shop.run(&discard).ends_with(2).complains_of(&["--confirm 2"]);
    shop.run(&format!("{discard} --confirm 3")).ends_with(6);
    let dry = format!("dead-letters discard -q group:{group} --dry-run");
    let dry_run = shop.run(&format!("{dry} -o json")).ends_with(0).json();
    assert_eq!(dry_run, json!({ "discarded": 0, "would_discard": 2, "left": 0 }));
    shop.run(&format!("{dry} --confirm 2")).ends_with(0).prints(&["2 letters would be"]);
    shop.run(&format!("{dry} --confirm 3")).ends_with(6);
    shop.run(&format!("dead-letters discard {NOBODYS} --dry-run")).ends_with(5);
    // The same one twice is one.
    let id = letters(&shop, "state:open")[0]["id"].as_str().unwrap().to_owned();
    shop.run(&format!("dead-letters discard {id} {id} --reason seen --confirm 2")).ends_with(6);
    let one = format!("dead-letters discard {id} {id} --dry-run");
    shop.run(&one).ends_with(0).prints(&["1 letter would be"]);
    assert_eq!(letters(&shop, "state:open").len(), 2, "nothing was done");
    // Who asks for others does not get the open ones.
    let others = "dead-letters discard -q state:discarded --reason seen --confirm 2";
    shop.run(others).ends_with(2).complains_of(&["open letters alone"]);
    shop.run("dead-letters restore -q state:open --reason seen").ends_with(2);
    shop.run("replay plan -q state:any").ends_with(2).complains_of(&["open letters alone"]);
    shop.run(&format!("dead-letters discard -q group:{group} --confirm 2")).ends_with(2);
    shop.run(&format!("{discard} --confirm 2")).ends_with(0).prints(&["discarded 2"]);
    shop.run(&format!("{discard} --confirm 0")).ends_with(5);
    assert_eq!(letters(&shop, "state:open").len(), 0);
    let gone = letters(&shop, "state:discarded");
    let id = gone[0]["id"].as_str().unwrap();
    shop.run(&format!("dead-letters restore {id} --reason again")).ends_with(0);
    shop.run(&format!("dead-letters restore {id} --reason again")).ends_with(6);
    let shown = shop.run(&format!("dead-letters show {id} -o json")).ends_with(0).json();
    assert_eq!(shown["state"], "open");
    let said: Vec<_> = shown["resolutions"].as_array().unwrap().iter().collect();
    assert_eq!(said.len(), 2, "{shown}");
    assert_eq!((&said[0]["resolution"], &said[0]["reason"]), (&json!("discarded"), &json!("seen")));
    shop.run(&format!("dead-letters restore -q group:{group} --reason all")).ends_with(0);
    assert_eq!(letters(&shop, "state:open").len(), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_group_is_somebodys_until_it_is_mended_and_regresses_when_it_is_not() {
    let shop = Shop::open().await;
    break_ledger(&shop).await;
    shop.simulate("paid", "A-1").ends_with(0);
    let found = group(&shop, 1).await;
    let id = found["id"].as_str().unwrap();
    shop.run(&format!("dead-letters assign {id} --to ming")).ends_with(0).prints(&["acknowledged"]);
    shop.run(&format!("dead-letters note {id} a-trigger")).ends_with(0);
    shop.run(&format!("dead-letters resolve {id}")).ends_with(0);
    shop.simulate("paid", "A-2").ends_with(0);
    let regressed = group(&shop, 2).await;
    assert_eq!(
        (&regressed["status"], &regressed["owner"], &regressed["note"]),
        (&json!("regressed"), &json!("ming"), &json!("a-trigger"))
    );
    shop.run(&format!("dead-letters acknowledge {id}")).ends_with(0);
    shop.run(&format!("dead-letters ignore {id}")).ends_with(0).prints(&["ignored"]);
    shop.run(&format!("dead-letters resolve {NOBODYS}")).ends_with(5);
}

#[tokio::test(flavor = "multi_thread")]
async fn letters_are_exported_for_a_spreadsheet_that_evaluates_none_of_it() {
    let shop = Shop::open().await;
    break_ledger(&shop).await;
    shop.simulate("paid", "=1+2").ends_with(0);
    group(&shop, 1).await;
    let csv = shop.run("dead-letters export -q state:any -o csv").ends_with(0);
    let lines: Vec<&str> = csv.stdout.lines().collect();
    assert_eq!(lines.len(), 2, "{csv}");
    assert!(lines[0].starts_with("id,message_id,provider,account,order_number,amount"), "{csv}");
    assert!(lines[1].contains(",alipay,shop-alipay,'=1+2,10,CNY,"), "{csv}");
    assert!(!csv.stdout.contains("out_trade_no"), "{csv}");
    let whole = shop.run("dead-letters export --output csv --reveal --reason dispute").ends_with(0);
    assert!(whole.stdout.lines().next().unwrap().ends_with(",buried_at,revealed"), "{whole}");
    assert!(whole.stdout.contains("out_trade_no="), "{whole}");
    let lines = shop.run("dead-letters export -o jsonl").ends_with(0).lines();
    assert_eq!(lines[0]["order_number"], "=1+2");
    shop.run("dead-letters list -o csv").ends_with(2).complains_of(&["only `dead-letters export`"]);
    shop.run("dead-letters discard -q state:open --reason x --confirm 1 -o csv").ends_with(2);
    assert_eq!(letters(&shop, "state:open").len(), 1, "it was refused before it did anything");
}
