//! Genuine notifications that say what cannot be: at the real door, of every provider, through to the ledger.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use harness::fuzzed::{self, Hand};
use harness::installation::Installation;
use harness::wait;
use serde_json::{Value, json};
use shared::process;
use shared::provider::Provider;

use crate::is_as_written;
use crate::says::{Amount, Saying, Time, signed};
use crate::shop::Shop;

const TABLE: &str = include_str!("notifications.txt");
const REST: Duration = Duration::from_secs(60);
const PRICE: i64 = 1250;

/// What the order says, and what the notification does.
struct Row {
    what: &'static str,
    /// A digit of the provider stands for `#`.
    number: String,
    amount: Amount,
    /// Of the order, in minor units.
    price: i64,
    currency: &'static str,
    time: Time,
    expires_at: Option<&'static str>,
}

fn rows() -> Vec<Row> {
    let plain = |what| Row {
        what,
        number: String::new(),
        amount: Amount::Minor(PRICE),
        price: PRICE,
        currency: "CNY",
        time: Time::Paid,
        expires_at: None,
    };
    let says = |what, amount| Row { amount, ..plain(what) };
    let costs = |what, currency, price| Row {
        currency,
        price,
        amount: Amount::Minor(price),
        ..plain(what)
    };
    let numbered = |what, number: &str| Row { number: number.to_owned(), ..plain(what) };
    let at = |what, time| Row { time, ..plain(what) };
    let late = |what, time| Row { time, expires_at: Some("2056-01-01T00:00:00Z"), ..plain(what) };
    vec![
        plain("as it should be"),
        says("amount 0", Amount::Minor(0)),
        says("amount -12.50", Amount::Negative),
        says("amount of 20 digits", Amount::TwentyDigits),
        costs("amount of 63 bits", "CNY", i64::MAX),
        says("half a fen", Amount::Fraction),
        says("with an exponent", Amount::Exponent),
        says("no amount", Amount::Missing),
        costs("500 yen", "JPY", 500),
        costs("1.230 dinars", "KWD", 1_230),
        costs("5 krónur", "ISK", 5),
        Row { amount: Amount::Theirs(550), ..costs("550 of their krónur", "ISK", 5) },
        costs("5.00 rupiah", "IDR", 500),
        numbered("number of 128 bytes", &format!("#{}", "x".repeat(127))),
        numbered("number of 129 bytes", &format!("#{}", "x".repeat(128))),
        numbered("128 bytes of emoji", &format!("#xyz{}", "🧾".repeat(31))),
        numbered("132 bytes of emoji", &format!("#xyz{}", "🧾".repeat(32))),
        numbered("no number", "-"),
        numbered("number with a bell", "#\u{7}b"),
        numbered("number with NUL", "#\0b"),
        numbered("number with C1 CSI", "#\u{9b}2Jb"),
        numbered("letters and emoji", "订单-🧾-#"),
        numbered("a formula", "=cmd|' /C calc'!#0"),
        numbered("SQL", "'; drop table orders; --#"),
        numbered("with blanks around", " #-9 "),
        at("in year 0", Time::Year0),
        at("in year 1", Time::Year1),
        at("in 1970", Time::Epoch),
        at("in 2056", Time::Ahead),
        late("in 2056, too late", Time::Ahead),
        at("at the end of time", Time::Last),
        at("on 30 February", Time::NoDay),
        at("yesterday, in words", Time::InWords),
    ]
}

fn account(provider: Provider) -> String {
    format!("bad-{}", provider.as_str().replace('_', "-"))
}

/// Accounts of every provider, each signed for by its hand; what waits for an order soon becomes a case.
fn accounts() -> String {
    let section = |provider: &Provider| {
        let name = account(*provider);
        let own = Hand::of(*provider, process::now()).section;
        let own = own.replace("[public_keys]", &format!("[accounts.{name}.public_keys]"));
        format!("[accounts.{name}]\nprovider = \"{}\"\n{own}\n", provider.as_str())
    };
    let sections: String = Provider::ALL.iter().map(section).collect();
    format!("[policy]\norder_deadline = \"1s\"\n{sections}")
}

fn saying(row: &Row, at: (usize, usize)) -> Saying {
    let (index, provider) = at;
    let number = match row.number.as_str() {
        "" => format!("b-{index:02}-{provider}"),
        "-" => String::new(),
        number => number.replace('#', &provider.to_string()),
    };
    Saying {
        number,
        // Long enough for UnionPay's `queryId`.
        transaction: format!("20261123120000{index:03}{provider:04}"),
        amount: row.amount,
        currency: row.currency.parse().unwrap(),
        time: row.time,
    }
}

/// Every order that a shop may write, to be paid to one account alone.
fn write_orders(shop: &Shop, rows: &[Row]) {
    let mut lines = String::new();
    for (index, row) in rows.iter().enumerate() {
        for (number, provider) in Provider::ALL.iter().enumerate() {
            let order = json!({
                "order_no": saying(row, (index, number)).number, "amount": row.price,
                "currency": row.currency, "account": account(*provider), "expires_at": row.expires_at,
            });
            lines += &format!("{order}\n");
        }
    }
    let said = shop.run(&["orders", "import", "-"], lines.as_bytes());
    assert_eq!(said.code, Some(7), "{}", said.stderr);
}

/// What stands in the ledger at rest.
struct Ledger {
    orders: BTreeMap<String, String>,
    /// The first part of each notification by its transaction.
    outcomes: BTreeMap<String, String>,
    cases: BTreeMap<String, BTreeSet<String>>,
}

impl Ledger {
    fn of(shop: &Shop) -> Self {
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let orders = shop.documents(&["orders", "list", "--limit", "100000"]);
        let orders = orders.iter().map(|one| (text(&one["order_no"]), text(&one["status"])));
        let told = shop.documents(&["notifications", "list", "--limit", "1000"]);
        let outcomes = told.iter().map(|one| (text(&one["transaction"]), text(&one["outcome"])));
        let mut cases: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
        for case in shop.documents(&["cases", "list", "--limit", "10000"]) {
            let about = if case["transaction"].is_null() { "order_number" } else { "transaction" };
            cases.entry(text(&case[about])).or_default().insert(text(&case["kind"]));
        }
        Self { orders: orders.collect(), outcomes: outcomes.collect(), cases }
    }

    /// How it ended, in words.
    fn says(&self, saying: &Saying) -> String {
        let Some(outcome) = self.outcomes.get(&saying.transaction) else {
            return "dead".to_owned();
        };
        let about = [&saying.transaction, &saying.number];
        let cases = about.iter().filter_map(|about| self.cases.get(*about)).flatten();
        let cases: Vec<_> = cases.map(String::as_str).collect();
        match (cases.as_slice(), self.orders.get(&saying.number)) {
            ([], Some(status)) if outcome == "settled" => status.clone(),
            ([], _) => outcome.clone(),
            (cases, _) => cases.join(" "),
        }
    }
}

/// Once everything that was accepted is settled, a case or dead: the letters of the dead.
async fn rests(shop: &Shop, accepted: i64) -> Vec<Value> {
    let balance = || shop.documents(&["balance"]).remove(0);
    let resting = || async {
        let balance = balance();
        let letters = shop.documents(&["dead-letters", "list", "--limit", "1000"]);
        let rests = balance["accepted"] == accepted && balance["in_flight"] == 0;
        (rests && balance["dead"] == letters.len() && balance["unaccounted"] == 0)
            .then_some(letters)
    };
    let rested = wait::until("the balance at rest", REST, resting).await;
    rested.unwrap_or_else(|late| panic!("{late}: {} of {accepted}", balance()))
}

async fn each_is_settled_a_case_or_a_dead_letter(at: Installation) {
    for (name, text) in fuzzed::files() {
        std::fs::write(at.path(name), text).unwrap();
    }
    let shop = Shop::open(at, &accounts()).await;
    let rows = rows();
    write_orders(&shop, &rows);
    let (mut answers, mut accepted) = (BTreeMap::new(), 0);
    for (index, row) in rows.iter().enumerate() {
        for (number, provider) in Provider::ALL.iter().enumerate() {
            let Some(request) = signed(*provider, &saying(row, (index, number))) else { continue };
            let status = shop.notify(&account(*provider), request).await;
            accepted += i64::from(status == provider.accept().status);
            answers.insert((index, number), status);
        }
    }
    let letters = rests(&shop, accepted).await;

    let ledger = Ledger::of(&shop);
    let mut shown = String::new();
    let mut dead: BTreeMap<String, usize> = BTreeMap::new();
    for (index, row) in rows.iter().enumerate() {
        shown += &format!("{}\n", row.what);
        let mut cells: BTreeMap<String, Vec<&str>> = BTreeMap::new();
        for (number, provider) in Provider::ALL.iter().enumerate() {
            let cell = match answers.get(&(index, number)) {
                None => "cannot be said".to_owned(),
                Some(status) if *status == provider.accept().status => {
                    ledger.says(&saying(row, (index, number)))
                }
                Some(status) => format!("turned away ({status})"),
            };
            if cell == "dead" {
                *dead.entry(account(*provider)).or_default() += 1;
            }
            cells.entry(cell).or_default().push(provider.as_str());
        }
        for (cell, providers) in cells {
            shown += &format!("    {cell:<20} {}\n", providers.join(" "));
        }
    }
    // What is dead is a letter that says what it lacks, and there is no other.
    let mut found: BTreeMap<String, usize> = BTreeMap::new();
    for letter in &letters {
        assert_eq!(letter["stage"], "read", "{letter}");
        *found.entry(letter["account"].as_str().unwrap().to_owned()).or_default() += 1;
    }
    assert_eq!(found, dead, "{shown}");
    is_as_written(&shown, TABLE, &shop.at);
}

#[tokio::test(flavor = "multi_thread")]
async fn each_is_settled_a_case_or_a_dead_letter_embedded() {
    each_is_settled_a_case_or_a_dead_letter(Installation::embedded().unwrap()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn each_is_settled_a_case_or_a_dead_letter_on_servers() {
    each_is_settled_a_case_or_a_dead_letter(Installation::on_servers().await.unwrap()).await;
}
