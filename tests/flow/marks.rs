//! What tells who paid goes into sealed bodies and nowhere else: marked values of every provider, and where they
//! are not.

use std::fs;
use std::path::Path;
use std::time::Duration;

use harness::installation::{Addresses, Door, Installation};
use harness::{postgres, wait};
use serde_json::{Value, json};
use shared::provider::Provider;

use self::senders::{MARK, Said, Senders, Tells, UNREADABLE, account, currency};
use crate::outcome::balance;

mod senders;

const PATIENCE: Duration = Duration::from_secs(60);
/// One of each provider.
const EACH: u64 = Provider::ALL.len() as u64;

/// Does any of what nobody may see stand there?
fn leaks(text: &str) -> bool {
    [MARK, UNREADABLE].iter().any(|word| text.contains(word))
}

/// The number of the order that a provider's payment is for.
fn paid(provider: Provider) -> String {
    format!("{}-1", provider.as_str())
}

fn read(number: &str) -> Tells<'_> {
    Tells { number, reads: true }
}

fn unread(number: &str) -> Tells<'_> {
    Tells { number, reads: false }
}

fn import_orders(at: &Installation) {
    let line = |provider: &Provider| {
        json!({
            "order_no": paid(*provider), "amount": 10, "currency": currency(*provider),
            "account": account(*provider),
        })
    };
    let lines: Vec<String> = Provider::ALL.iter().map(|one| line(one).to_string()).collect();
    fs::write(at.path("marks.jsonl"), lines.join("\n")).unwrap();
    let file = at.path("marks.jsonl").display().to_string();
    at.answer(&["orders", "import", &file]).unwrap();
}

async fn post(door: &Door, said: &Said) -> (u16, String) {
    let (doors, _) = door.url.rsplit_once('/').unwrap();
    let mut request = reqwest::Client::new().post(format!("{doors}/{}", account(said.provider)));
    for (name, value) in &said.headers {
        request = request.header(*name, value);
    }
    let response = request.body(said.body.clone()).send().await.unwrap();
    (response.status().as_u16(), response.text().await.unwrap())
}

async fn accepted(door: &Door, said: &Said) {
    let (status, answer) = post(door, said).await;
    assert!((200..300).contains(&status), "{:?}: {status} {answer}", said.provider);
}

/// A genuine payment of each provider, and the refund that WeChat's second version encrypts.
async fn say_payments(senders: &Senders<'_>, door: &Door) {
    for provider in Provider::ALL.iter().copied() {
        let said = senders.say(provider, read(&paid(provider)));
        let is_encrypted = provider == Provider::WechatPay;
        assert_eq!(said.body.contains(MARK), !is_encrypted, "{provider:?}");
        let elsewhere = |name: &&str| ["*", "req_info"].contains(name);
        let named = |name: &&&str| elsewhere(name) || said.body.contains(**name);
        let missing: Vec<_> = provider.personal().iter().filter(|name| !named(name)).collect();
        assert!(missing.is_empty(), "{provider:?} bears no mark in {missing:?}");
        accepted(door, &said).await;
    }
    accepted(door, &senders.hint(&paid(Provider::WechatPayV2))).await;
}

/// Genuine, and one value that is read is none.
async fn say_what_nobody_can_read(senders: &Senders<'_>, door: &Door) {
    for provider in Provider::ALL.iter().copied() {
        let number = format!("{}-2", provider.as_str());
        accepted(door, &senders.say(provider, unread(&number))).await;
    }
}

/// Signed, and changed on the way: the quarantine keeps it.
async fn forge(senders: &Senders<'_>, door: &Door) {
    for provider in Provider::ALL.iter().copied() {
        let number = paid(provider);
        let mut said = senders.say(provider, read(&number));
        said.body = said.body.replace(&number, &format!("{}-3", provider.as_str()));
        let (status, answer) = post(door, &said).await;
        assert!((400..500).contains(&status) && !leaks(&answer), "{provider:?}: {status}");
    }
}

async fn until(at: &Installation, bucket: &str, count: u64) {
    let counted = || async { (balance(at).ok()?[bucket].as_u64()? == count).then_some(()) };
    let rests = wait::until(&format!("{count} {bucket}"), PATIENCE, counted).await;
    assert!(rests.is_ok(), "{count} {bucket}: {:?}", balance(at));
}

/// Everything that can be asked by command, but for what reveals.
fn told(at: &Installation) -> String {
    let lists = [
        "orders list",
        "cases list",
        "events list",
        "notifications list",
        "accounts",
        "balance",
        "dead-letters list",
        "dead-letters groups",
        "quarantine list",
        "subscriptions list",
    ];
    let ask = |line: &str| {
        let words: Vec<&str> = line.split_whitespace().chain(["-o", "json"]).collect();
        at.answer(&words).unwrap()
    };
    let mut told: Vec<String> = lists.iter().map(|line| ask(line)).collect();
    for provider in Provider::ALL.iter().copied() {
        for verb in ["show", "timeline", "explain"] {
            told.push(ask(&format!("orders {verb} {}", paid(provider))));
        }
    }
    let (notifications, letters) =
        (each(at, "notifications", "message_id"), each(at, "dead-letters", "id"));
    // A letter's own fields are shown but for the personal ones, and the unreadable one is an amount.
    assert!(letters.contains(UNREADABLE) && !letters.contains(MARK), "{letters}");
    told.concat() + &notifications
}

/// Each row of a list, shown with its body masked.
fn each(at: &Installation, noun: &str, key: &str) -> String {
    let list: Value =
        serde_json::from_str(&at.answer(&[noun, "list", "-o", "json"]).unwrap()).unwrap();
    let show = |one: &Value| {
        let id = one[key].as_str().unwrap();
        at.answer(&[noun, "show", id, "-o", "json"]).unwrap()
    };
    list.as_array().unwrap().iter().map(show).collect()
}

async fn metrics(admin_url: &str) -> String {
    reqwest::get(format!("{admin_url}/metrics")).await.unwrap().text().await.unwrap()
}

/// With a reason the body is shown, so it was there.
fn reveals(at: &Installation) {
    let list = at.answer(&[
        "notifications",
        "list",
        "--kind",
        "trade_status_sync/TRADE_SUCCESS",
        "-o",
        "json",
    ]);
    let list: Value = serde_json::from_str(&list.unwrap()).unwrap();
    let id = list[0]["message_id"].as_str().unwrap();
    let masked = at.answer(&["notifications", "show", id]).unwrap();
    assert!(masked.contains("buyer_logon_id") && !masked.contains(MARK), "{masked}");
    let reveal = ["notifications", "show", id, "--reveal", "--reason", "a test"];
    assert!(at.answer(&reveal).unwrap().contains(MARK));
}

/// The files below a folder in which the mark stands, and how many were read.
fn marked_files(folder: &Path) -> (Vec<String>, usize) {
    let (mut marked, mut count, mut open) = (vec![], 0, vec![folder.to_owned()]);
    while let Some(folder) = open.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                open.push(path);
                continue;
            }
            count += 1;
            let bytes = fs::read(&path).unwrap();
            let shows = |word: &&str| bytes.windows(word.len()).any(|one| one == word.as_bytes());
            if [MARK, UNREADABLE].iter().any(shows) {
                marked.push(path.display().to_string());
            }
        }
    }
    (marked, count)
}

/// No byte of the embedded file, with its queue, its dead letters and its quarantine, shows the mark.
#[tokio::test(flavor = "multi_thread")]
async fn what_tells_who_paid_is_nowhere_in_the_clear_once_it_is_settled() {
    let at = Installation::embedded().unwrap();
    let senders = Senders::join(&at);
    import_orders(&at);
    let mut door = at.serve(Addresses::free().unwrap()).await.unwrap();
    say_payments(&senders, &door).await;
    until(&at, "settled", EACH).await;
    say_what_nobody_can_read(&senders, &door).await;
    forge(&senders, &door).await;
    until(&at, "dead", EACH).await;
    let shown = told(&at) + &metrics(&door.admin_url).await;
    reveals(&at);
    let shown = shown + &door.program.stdout() + &door.program.stderr();
    assert!(shown.contains("alipay-1") && !leaks(&shown), "{shown}");

    assert!(door.program.terminate().await.unwrap().success());
    until(&at, "dead", EACH).await;
    let (marked, files) = marked_files(&at.path("data"));
    assert!(marked.is_empty() && files > 0, "{marked:?}");
    let (marked, kept) = marked_files(&at.path("quittance-quarantine"));
    assert!(marked.is_empty() && kept as u64 >= EACH, "{kept} kept, {marked:?}");
}

/// Every value of every table, as text and as bytes in hexadecimal digits.
async fn tables(url: &str) -> String {
    let list = "select string_agg(format('select t::text from quittance.%I t', tablename), ' union all ') \
                from pg_tables where schemaname = 'quittance'";
    let all = postgres::sql(url, list).await.unwrap();
    postgres::sql(url, &all).await.unwrap()
}

/// The same of every table of the ledger, and of what each process says.
#[tokio::test(flavor = "multi_thread")]
async fn no_table_and_no_process_shows_who_paid() {
    let at = Installation::on_servers().await.unwrap();
    let senders = Senders::join(&at);
    import_orders(&at);
    let mut door = at.ingress().await.unwrap();
    let mut worker = at.worker(&[]).await.unwrap();
    say_payments(&senders, &door).await;
    until(&at, "settled", EACH).await;
    say_what_nobody_can_read(&senders, &door).await;
    until(&at, "dead", EACH).await;
    let shown = told(&at) + &metrics(&door.admin_url).await;
    let shown = [shown, door.program.stdout(), door.program.stderr(), worker.stderr()].concat();
    assert!(shown.contains("alipay-1") && !leaks(&shown), "{shown}");

    let tables = tables(&at.database.as_ref().unwrap().url).await;
    let hex = |word: &str| word.bytes().map(|byte| format!("{byte:02x}")).collect::<String>();
    let hidden = [MARK, UNREADABLE].map(hex);
    assert!(tables.contains("alipay-1") && tables.contains("\\x"), "nothing was read");
    let is_shown = |row: &&str| leaks(row) || hidden.iter().any(|word| row.contains(word));
    let rows: Vec<&str> = tables.lines().filter(is_shown).collect();
    assert!(rows.is_empty(), "{rows:#?}");
    reveals(&at);
    assert!(door.program.terminate().await.unwrap().success());
    assert!(worker.terminate().await.unwrap().success());
}

/// Whatever is wrong with a notification, what refuses it quotes nothing of it.
#[tokio::test(flavor = "multi_thread")]
async fn no_error_quotes_what_a_notification_says() {
    let at = Installation::embedded().unwrap();
    let senders = Senders::join(&at);
    let mut door = at.serve(Addresses::free().unwrap()).await.unwrap();
    say_what_nobody_can_read(&senders, &door).await;
    forge(&senders, &door).await;
    for provider in Provider::ALL.iter().copied() {
        let genuine = senders.say(provider, read("A-1"));
        let (headers, body) = (&genuine.headers, &genuine.body);
        let bodies = [
            body.replace("A-1", MARK),
            format!("{body}&subject={MARK}"),
            format!("{MARK}{body}"),
            body[..body.len() / 2].to_owned(),
            MARK.to_owned(),
        ];
        for body in bodies {
            let (status, answer) =
                post(&door, &Said { provider, headers: headers.clone(), body }).await;
            assert!((400..500).contains(&status), "{provider:?}: {status}");
            assert!(!leaks(&answer), "{provider:?}: {answer}");
        }
        // The mark in each header that signs.
        for index in 0..headers.len() {
            let mut headers = headers.clone();
            headers[index].1 = MARK.to_owned();
            let said = Said { provider, headers, body: body.clone() };
            let (_, answer) = post(&door, &said).await;
            assert!(!leaks(&answer), "{provider:?}: {answer}");
        }
    }
    until(&at, "dead", EACH).await;
    let shown = metrics(&door.admin_url).await + &door.program.stdout() + &door.program.stderr();
    assert!(!leaks(&shown), "{shown}");
    assert!(door.program.terminate().await.unwrap().success());
}
