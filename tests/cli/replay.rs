//! Replaying as a person does it: planned, started, watched, steered.

use harness::sqlite;
use serde_json::{Value, json};

use crate::dead_letters::{break_ledger, group};
use crate::shop::Shop;

const NOBODYS: &str = "00000000-0000-8000-8000-000000000000";

async fn mend(shop: &Shop) {
    sqlite::sql(&shop.at.path("data/quittance.db"), "drop trigger a_cause").await.unwrap();
}

fn plan(shop: &Shop, group: &str) -> Value {
    shop.run(&format!("replay plan --group {group} -o json")).ends_with(0).json()
}

/// Orders paid while the ledger refused every payment, and the group of their letters.
async fn broken(orders: &[&str]) -> (Shop, String) {
    let shop = Shop::open().await;
    shop.import(orders);
    break_ledger(&shop).await;
    for order in orders {
        shop.simulate("paid", order).ends_with(0);
    }
    let open = i64::try_from(orders.len()).unwrap();
    let group = group(&shop, open).await["id"].as_str().unwrap().to_owned();
    (shop, group)
}

#[tokio::test(flavor = "multi_thread")]
async fn what_died_settles_once_the_cause_is_mended() {
    let (shop, group) = broken(&["A-1", "A-2", "A-3"]).await;
    let doomed = plan(&shop, &group);
    assert_eq!((&doomed["count"], &doomed["forecast"]["dead_again"]), (&json!(3), &json!(3)));
    mend(&shop).await;
    let planned = plan(&shop, &group);
    assert_eq!((&planned["count"], &planned["forecast"]["settled"]), (&json!(3), &json!(3)));
    assert_eq!(shop.order("A-1")["status"], "pending", "a plan writes nothing");

    let id = planned["plan"].as_str().unwrap();
    shop.run(&format!("replay start --plan {id}")).ends_with(2);
    let start = format!("replay start --plan {id} --reason mended --canary 1 --rate 100/s --watch");
    let done = shop.run(&format!("{start} -o json")).ends_with(0).json();
    assert_eq!((&done["state"], &done["counts"]["settled"]), (&json!("completed"), &json!(3)));
    assert_eq!(done["counts"]["publishes"], 3);
    shop.run(&start).ends_with(6);
    for order in ["A-1", "A-2", "A-3"] {
        assert_eq!(shop.order(order)["status"], "paid");
    }
    let balance = shop.rest(3).await;
    assert_eq!((&balance["dead"], &balance["settled"]), (&json!(0), &json!(3)), "{balance}");
    let shown = shop.run(&format!("replay show {id} -o json")).ends_with(0).json();
    assert_eq!(shown["items"][0]["outcome"], "settled");
    shop.run(&format!("replay show {id}")).ends_with(0).prints(&["mended", "settled 3"]);
    shop.run("replay list").ends_with(0).prints(&["completed"]);
    let letter = shown["items"][0]["letter_id"].as_str().unwrap();
    let letter = shop.run(&format!("dead-letters show {letter} -o json")).ends_with(0).json();
    assert_eq!(letter["state"], "resolved");
    assert_eq!(letter["resolutions"][0]["reason"], "mended");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_plan_does_not_read_what_crashed_its_readers() {
    let (shop, group) = broken(&["A-1"]).await;
    mend(&shop).await;
    assert_eq!(plan(&shop, &group)["forecast"]["settled"], 1);
    let crashed = "update failure_groups set stage = 'crash'";
    sqlite::sql(&shop.at.path("data/quittance.db"), crashed).await.unwrap();
    let doomed = plan(&shop, &group);
    assert_eq!(doomed["forecast"]["dead_again"], 1, "{doomed}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_dies_again_halts_its_job_and_keeps_both_failures() {
    let (shop, group) = broken(&["A-1", "A-2", "A-3"]).await;
    let id = plan(&shop, &group)["plan"].as_str().unwrap().to_owned();
    let start = format!("replay start --plan {id} --reason hope --canary 1 --rate 100/s --watch");
    let halted = shop.run(&format!("{start} -o json")).ends_with(7).json();
    assert_eq!((&halted["state"], &halted["counts"]["dead_again"]), (&json!("halted"), &json!(1)));
    assert_eq!(halted["counts"]["pending"], 2, "the rest was spared");
    shop.run(&format!("replay pause {id}")).ends_with(6);
    shop.run(&format!("replay cancel {id}")).ends_with(0);
    let cancelled = shop.run(&format!("replay show {id} -o json")).ends_with(0).json();
    assert_eq!(cancelled["counts"]["skipped"], 2, "{cancelled}");
    let open = shop.run("dead-letters list -o json").ends_with(0).json();
    let mut died: Vec<_> =
        open.as_array().unwrap().iter().map(|letter| letter["failures"].as_i64()).collect();
    died.sort();
    assert_eq!(died, [Some(1), Some(1), Some(2)], "{open}");
    assert_eq!(shop.rest(3).await["dead"], 3);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_job_is_watched_and_its_rate_changes_while_it_runs() {
    let orders = ["A-1", "A-2", "A-3", "A-4", "A-5", "A-6", "A-7", "A-8"];
    let (shop, group) = broken(&orders).await;
    mend(&shop).await;
    let id = plan(&shop, &group)["plan"].as_str().unwrap().to_owned();
    shop.run(&format!("replay watch {id}")).ends_with(6).complains_of(&["not started"]);
    shop.run(&format!("replay rate {id} 2/s")).ends_with(6);
    shop.run(&format!("replay start --plan {id} --reason mended --canary 0 --rate 1/s"))
        .ends_with(0);
    shop.run(&format!("replay rate {id} 2/s")).ends_with(0).prints(&["is running, at 2/s"]);
    shop.run(&format!("replay pause {id}")).ends_with(0);
    let faster = shop.run(&format!("replay rate {id} 500/s -o json")).ends_with(0).json();
    assert_eq!((&faster["state"], &faster["rate"]), (&json!("paused"), &json!(500)));
    let paused = shop.run(&format!("replay watch {id}")).ends_with(8);
    assert!(paused.stderr.starts_with("paused: "), "{paused}");
    shop.run(&format!("replay resume {id}")).ends_with(0);
    let ended = shop.run(&format!("replay watch {id} -o json")).ends_with(0);
    assert_eq!(ended.json()["counts"]["settled"], 8, "{ended}");
    // No terminal: a line for each state, not for each look.
    let lines: Vec<&str> = ended.stderr.lines().collect();
    assert!(lines.len() <= 2, "{ended}");
    assert!(lines.last().unwrap().starts_with("completed: 8 of 8 decided, 8 ok"), "{ended}");
    shop.run(&format!("replay rate {id} 5/s")).ends_with(6);
    shop.run(&format!("replay rate {id} 0/s")).ends_with(2);
    shop.run(&format!("replay watch {NOBODYS}")).ends_with(5);
    shop.run(&format!("replay rate {NOBODYS} 5/s")).ends_with(5);
    let noted = "select group_concat(reason, ' ') from audit where action = 'replay.rate'";
    let noted = sqlite::sql(&shop.at.path("data/quittance.db"), noted).await.unwrap();
    assert_eq!(noted.trim(), "2/s 500/s");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_letter_whose_replayed_message_is_lost_is_open_again() {
    let (shop, group) = broken(&["A-1"]).await;
    mend(&shop).await;
    let database = shop.at.path("data/quittance.db");
    // Whatever a replay publishes is confirmed, and gone.
    let thief = "create trigger a_thief after insert on queue \
                 when new.headers like '%quittance-replay-item%' \
                 begin delete from queue where id = new.id; end";
    sqlite::sql(&database, thief).await.unwrap();
    let start = |id: &str| format!("replay start --plan {id} --reason mended --watch -o json");
    let id = plan(&shop, &group)["plan"].as_str().unwrap().to_owned();
    let lost = shop.run(&start(&id)).ends_with(7);
    assert!(lost.stderr.contains("1 lost"), "{lost}");
    let lost = lost.json();
    assert_eq!((&lost["state"], &lost["counts"]["lost"]), (&json!("completed"), &json!(1)));
    let open = shop.run("dead-letters list -o json").ends_with(0).json();
    let letter = open[0]["id"].as_str().unwrap();
    let shown = shop.run(&format!("dead-letters show {letter} -o json")).ends_with(0).json();
    let said = &shown["resolutions"][0];
    assert_eq!((&said["resolution"], &said["actor"]), (&json!("lost"), &json!("worker")));
    assert!(said["reason"].as_str().unwrap().contains(&id), "{shown}");
    let balance = shop.rest(1).await;
    assert_eq!((&balance["dead"], &balance["unaccounted"]), (&json!(1), &json!(0)), "{balance}");

    sqlite::sql(&database, "drop trigger a_thief").await.unwrap();
    let id = plan(&shop, &group)["plan"].as_str().unwrap().to_owned();
    shop.run(&start(&id)).ends_with(0);
    assert_eq!(shop.order("A-1")["status"], "paid");
    assert_eq!(shop.rest(1).await["settled"], 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stale_plan_is_refused() {
    let (shop, group) = broken(&["A-1", "A-2"]).await;
    let id = plan(&shop, &group)["plan"].as_str().unwrap().to_owned();
    let letters = shop.run("dead-letters list -o json").ends_with(0).json();
    let letter = letters[0]["id"].as_str().unwrap();
    let discard = format!("dead-letters discard {letter} --reason no --confirm 1");
    shop.run(&discard).ends_with(0);
    let start = format!("replay start --plan {id} --reason mended");
    shop.run(&start).ends_with(6).complains_of(&["1 letters", "new plan"]);
    shop.run(&format!("replay plan {letter}")).ends_with(6);
    shop.run(&format!("replay plan {NOBODYS}")).ends_with(5);
    shop.run("replay plan -q code:nothing").ends_with(5);
    shop.run("replay plan").ends_with(2);
    shop.run(&format!("replay start --plan {NOBODYS} --reason x")).ends_with(5);
    shop.run(&format!("replay resume {NOBODYS}")).ends_with(5);
}
