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
    let another = format!("replay start --plan {id} --expect 3 --reason mended");
    shop.run(&another).ends_with(6).complains_of(&["2 letters fit, not 3"]);
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

#[tokio::test(flavor = "multi_thread")]
async fn a_script_waits_for_a_job_and_plans_anew_what_it_left() {
    let (shop, group) = broken(&["A-1", "A-2", "A-3"]).await;
    let id = plan(&shop, &group)["plan"].as_str().unwrap().to_owned();
    shop.run(&format!("replay wait {id}")).ends_with(6).complains_of(&["not started"]);
    shop.run(&format!("replay start --plan {id} --reason hope --canary 0 --halt-above 100"))
        .ends_with(0);
    let waited = shop.run(&format!("replay wait {id} --timeout 60s -o json")).ends_with(7);
    assert_eq!(waited.stderr.lines().count(), 1, "it says how it ended: {waited}");
    let waited = waited.json();
    assert_eq!(
        (&waited["state"], &waited["counts"]["dead_again"]),
        (&json!("completed"), &json!(3))
    );

    let letters = shop.run("dead-letters list -o json").ends_with(0).json();
    let letter = letters[0]["id"].as_str().unwrap();
    shop.run(&format!("dead-letters discard {letter} --reason no --confirm 1")).ends_with(0);
    mend(&shop).await;
    shop.run(&format!("replay again {id} --outcome settled")).ends_with(2);
    shop.run(&format!("replay again {id} --outcome lost")).ends_with(5);
    shop.run(&format!("replay again {NOBODYS} --outcome lost")).ends_with(5);
    let again = format!("replay again {id} --outcome dead_again -o json");
    let again = shop.run(&again).ends_with(0).json();
    assert_eq!((&again["count"], &again["forecast"]["settled"]), (&json!(2), &json!(2)));
    let next = again["plan"].as_str().unwrap();

    shop.run(&format!("replay start --plan {next} --reason mended --rate 1/s")).ends_with(0);
    shop.run(&format!("replay pause {next}")).ends_with(0);
    let late = shop.run(&format!("replay wait {next} --timeout 1s")).ends_with(8);
    assert!(late.stdout.contains("is paused"), "{late}");
    shop.run(&format!("replay rate {next} 100/s")).ends_with(0);
    shop.run(&format!("replay resume {next}")).ends_with(0);
    shop.run(&format!("replay wait {next} --timeout 1m")).ends_with(0).prints(&["is completed"]);
    shop.run(&format!("replay wait {NOBODYS}")).ends_with(5);
    shop.run(&format!("replay wait {next} --timeout soon")).ends_with(2);
    let listed = shop.run("replay list -o json").ends_with(0).json();
    assert_eq!(listed[0]["selection"], format!("dead_again of {id}"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_replay_is_planned_and_started_in_one_where_as_many_fit_as_expected() {
    let (shop, group) = broken(&["A-1", "A-2"]).await;
    mend(&shop).await;
    let start = format!("replay start -q group:{group} --reason mended --rate 100/s");
    shop.run(&start).ends_with(2).complains_of(&["2 letters", "--expect 2", "--yes"]);
    shop.run(&format!("{start} --expect 3")).ends_with(6).complains_of(&["2 letters fit, not 3"]);
    shop.run(&format!("{start} --expect 3 --yes")).ends_with(6);
    shop.run("replay start --reason mended --expect 2").ends_with(2);
    shop.run(&format!("{start} --plan {NOBODYS}")).ends_with(2);
    let planned = shop.run("replay list -o json").ends_with(0).json();
    assert_eq!(planned, json!([]), "what was refused planned nothing");
    let done = shop.run(&format!("{start} --expect 2 --watch -o json")).ends_with(0);
    assert!(done.stderr.contains("2 letters: 2 settle"), "{done}");
    assert_eq!(done.json()["counts"]["settled"], 2);
    shop.run(&format!("{start} --yes")).ends_with(5);

    break_ledger(&shop).await;
    shop.simulate("paid", "A-3").ends_with(0);
    let open = crate::dead_letters::group(&shop, 1).await;
    assert_eq!(open["status"], "open", "{open}");
    mend(&shop).await;
    shop.run(&format!("{start} --yes --watch")).ends_with(0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_failure_that_begins_behind_the_canary_halts_its_job() {
    let orders: Vec<String> = (0..40)
        .map(|place| format!("{}-{place}", if place < 25 { "WELL" } else { "ILL" }))
        .collect();
    let orders: Vec<&str> = orders.iter().map(String::as_str).collect();
    let (shop, group) = broken(&orders).await;
    mend(&shop).await;
    let rule = "create trigger a_cause before insert on payments when new.order_number like 'ILL%' \
                begin select raise(abort, 'order: a cause'); end";
    sqlite::sql(&shop.at.path("data/quittance.db"), rule).await.unwrap();
    // Those that died first go first, so the canary goes well.
    let start = format!("replay start -q group:{group} --yes --reason hope --rate 30/s --watch");
    let halted = shop.run(&format!("{start} -o json")).ends_with(7).json();
    assert_eq!((&halted["state"], &halted["new_causes"]), (&json!("halted"), &json!(0)));
    let why = halted["halted"].as_str().unwrap();
    assert!(why.contains("of the last") && why.ends_with("died again or were lost"), "{halted}");
}
