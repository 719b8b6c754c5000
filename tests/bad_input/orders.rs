//! Orders that are written badly: by the API, as JSON lines, as CSV and by SQL.

use std::collections::BTreeMap;

use harness::installation::Installation;
use serde_json::Value;

use crate::is_as_written;
use crate::shop::{Said, Shop};

const TABLE: &str = include_str!("orders.txt");
const HEADER: &str = "order_no,amount,currency,account,numbers,expires_at,mode,metadata";
/// Whose letter stands for `#` in a number, so that each entrance writes an order of its own.
const ENTRANCES: [char; 4] = ['a', 'j', 'c', 's'];

/// What is wrong, the key, and its value as JSON; `#` is a letter of the entrance.
type Row = (&'static str, &'static str, String);

fn rows() -> Vec<Row> {
    let row = |what, key, value: &str| (what, key, value.to_owned());
    let text = |what, key, value: String| (what, key, Value::from(value).to_string());
    let levels = |count: usize| format!("{}{}", "[".repeat(count), "]".repeat(count));
    vec![
        row("amount 0", "amount", "0"),
        row("amount -1", "amount", "-1"),
        row("amount of 20 digits", "amount", "12345678901234567890"),
        row("amount of 63 bits", "amount", "9223372036854775807"),
        row("amount of 64 bits", "amount", "9223372036854775808"),
        row("amount 12.50", "amount", "12.50"),
        row("amount 1e3", "amount", "1e3"),
        row("amount as text", "amount", "\"1250\""),
        row("amount in words", "amount", "\"ten\""),
        row("amount null", "amount", "null"),
        row("yen", "currency", "\"JPY\""),
        row("dinars", "currency", "\"KWD\""),
        row("no currency", "currency", "\"XXX\""),
        row("small letters", "currency", "\"cny\""),
        row("two letters", "currency", "\"CN\""),
        row("four letters", "currency", "\"CNYX\""),
        row("a currency's sign", "currency", "\"€\""),
        row("currency empty", "currency", "\"\""),
        row("number empty", "order_no", "\"\""),
        text("number of 128 bytes", "order_no", format!("#{}", "x".repeat(127))),
        text("number of 129 bytes", "order_no", format!("#{}", "x".repeat(128))),
        text("128 bytes of emoji", "order_no", format!("#xyz{}", "🧾".repeat(31))),
        text("132 bytes of emoji", "order_no", format!("#xyz{}", "🧾".repeat(32))),
        row("number with a bell", "order_no", r##""#\u0007b""##),
        row("number with NUL", "order_no", r##""#\u0000b""##),
        row("number with a line feed", "order_no", r##""#\nb""##),
        row("number with a tab", "order_no", r##""#\tb""##),
        row("number with C1 CSI", "order_no", r##""#\u009b2Jb""##),
        row("number with a blank end", "order_no", "\"# \""),
        row("a formula", "order_no", "\"=cmd|' /C calc'!#0\""),
        row("another formula", "order_no", "\"@SUM(#1)\""),
        row("SQL", "order_no", "\"'; drop table orders; --#\""),
        row("letters and emoji", "order_no", "\"订单-🧾-#\""),
        row("turned writing", "order_no", r#""\u202e#-1""#),
        row("account empty", "account", "\"\""),
        row("account with NUL", "account", r#""a\u0000""#),
        row("account with a bell", "account", r#""a\u0007""#),
        text("account of 65 bytes", "account", "x".repeat(65)),
        row("17 numbers", "numbers", &format!("[{}\"n\"]", "\"n\",".repeat(16))),
        row("a further number empty", "numbers", "[\"n\",\"\"]"),
        row("mode unknown", "mode", "\"sandbox\""),
        row("expires in a year", "expires_at", "\"2026\""),
        row("expires in year 0", "expires_at", "\"0000-12-31T23:59:59Z\""),
        row("expires in year 1", "expires_at", "\"0001-01-01T00:00:00Z\""),
        row("expires before year 1", "expires_at", "\"0001-01-01T00:00:00+01:00\""),
        row("expires long ago", "expires_at", "\"2000-01-01T00:00:00Z\""),
        row("expires in year 9999", "expires_at", "\"9999-12-31T23:59:59Z\""),
        row("expires after year 9999", "expires_at", "\"9999-12-31T23:59:59-01:00\""),
        row("expires in year 10000", "expires_at", "\"10000-01-01T00:00:00Z\""),
        row("expires never", "expires_at", "\"infinity\""),
        row("expires on 30 February", "expires_at", "\"2027-02-30T00:00:00Z\""),
        text("metadata of 16 KiB", "metadata", "x".repeat(16_382)),
        text("metadata of more", "metadata", "x".repeat(16_383)),
        text("metadata of 40 kB", "metadata", "x".repeat(40_000)),
        row("32 levels", "metadata", &levels(32)),
        row("33 levels", "metadata", &levels(33)),
        row("20000 levels", "metadata", &levels(20_000)),
        row("metadata with NUL", "metadata", r#"{"a":"\u0000"}"#),
        row("metadata cut off", "metadata", "{\"a\":"),
    ]
}

/// An order of 12.50 CNY, but for what is wrong with it.
struct Bad<'a> {
    fields: BTreeMap<&'static str, String>,
    row: &'a Row,
}

impl<'a> Bad<'a> {
    fn at(entrance: char, index: usize, row: &'a Row) -> Self {
        let own = format!("\"{entrance}-{index:02}\"");
        let mut fields = BTreeMap::from([
            ("order_no", own),
            ("amount", "1250".to_owned()),
            ("currency", "\"CNY\"".to_owned()),
        ]);
        fields.insert(row.1, row.2.replace('#', &entrance.to_string()));
        Self { fields, row }
    }

    fn json(&self) -> String {
        let fields = self.fields.iter().map(|(key, value)| format!("\"{key}\":{value}"));
        format!("{{{}}}", fields.collect::<Vec<_>>().join(","))
    }

    /// The value as a text that stands for itself.
    fn plain(&self, key: &str) -> String {
        let Some(json) = self.fields.get(key) else { return String::new() };
        match serde_json::from_str(json) {
            Ok(Value::String(text)) if key != "metadata" => text,
            Ok(Value::Array(numbers)) if key == "numbers" => {
                let numbers = numbers.iter().map(|number| number.as_str().unwrap());
                numbers.collect::<Vec<_>>().join("|")
            }
            Ok(Value::Null) => String::new(),
            Ok(_) | Err(_) => json.clone(),
        }
    }

    fn csv(&self) -> String {
        let cell = |key| format!("\"{}\"", self.plain(key).replace('"', "\"\""));
        HEADER.split(',').map(cell).collect::<Vec<_>>().join(",")
    }

    /// Nothing where no statement could say it.
    fn sql(&self, shop: &Shop) -> Option<String> {
        let (mut columns, mut values) = (vec![], vec![]);
        for (key, json) in &self.fields {
            let plain = self.plain(key);
            let value = match *key {
                "numbers" => return None,
                "expires_at" => shop.sql_time(&plain)?,
                _ if plain.contains('\0') => return None,
                _ if json == "null" => "null".to_owned(),
                "amount" if !json.starts_with('"') => plain,
                _ => format!("'{}'", plain.replace('\'', "''")),
            };
            columns.push(*key);
            values.push(value);
        }
        // A text of 20000 levels is more than one argument of a command may have.
        let statement =
            format!("insert into orders ({}) values ({})", columns.join(", "), values.join(", "));
        (statement.len() < 100_000).then_some(statement)
    }

    fn number(&self) -> String {
        self.plain("order_no")
    }
}

async fn each_is_refused_or_stored_exactly(at: Installation) {
    let shop = Shop::open(at, "").await;
    let rows = rows();
    let bad =
        |entrance: char| rows.iter().enumerate().map(move |(i, row)| Bad::at(entrance, i, row));
    let [api, jsonl, csv, sql] = ENTRANCES;

    let mut by_api = vec![];
    for order in bad(api) {
        let (status, answer) = shop.post(order.json()).await;
        let field = answer["field"].as_str().map(|field| format!(" {field}"));
        by_api.push(format!("{status}{}", field.unwrap_or_default()));
    }
    let lines: String = bad(jsonl).map(|order| order.json() + "\n").collect();
    let by_jsonl = shop.run(&["orders", "import", "-"], lines.as_bytes());
    let lines: String = bad(csv).map(|order| order.csv() + "\n").collect();
    let lines = format!("{HEADER}\n{lines}");
    let by_csv = shop.run(&["orders", "import", "-", "--format", "csv"], lines.as_bytes());
    let mut by_sql = vec![];
    for order in bad(sql) {
        by_sql.push(match order.sql(&shop) {
            Some(statement) if shop.sql(&statement).await => "taken",
            Some(_) => "refused",
            None => "-",
        });
    }

    let stored = shop.documents(&["orders", "list", "--limit", "1000"]);
    let stored: BTreeMap<&str, &Value> =
        stored.iter().map(|order| (order["order_no"].as_str().unwrap(), order)).collect();
    // A line feed within a cell of CSV makes two lines of it, which are both refused.
    let mut at_line = 2;
    let (mut shown, mut taken) = (String::new(), 0);
    for (index, row) in rows.iter().enumerate() {
        let lines = 1 + Bad::at(csv, index, row).csv().matches('\n').count();
        let csv_says = in_words(&by_csv, at_line, row.1);
        at_line += lines;
        let mut cells = [
            (api, by_api[index].clone()),
            (jsonl, in_words(&by_jsonl, index + 1, row.1)),
            (csv, csv_says),
            (sql, by_sql[index].to_owned()),
        ];
        for (entrance, said) in &mut cells {
            let order = Bad::at(*entrance, index, row);
            let is_taken = ["201", "taken"].contains(&said.as_str());
            let found = stored.get(order.number().as_str());
            assert_eq!(found.is_some(), is_taken, "{}, {entrance}: {said}", row.0);
            taken += usize::from(is_taken);
            let Some(found) = found else { continue };
            is_exact(&order, found);
            // Another program's number is the engine's to read.
            let amount = found["amount"].to_string();
            if amount != order.plain("amount") {
                assert_eq!(*entrance, sql, "{}: {amount}", row.0);
                *said = format!("taken as {amount}");
            }
        }
        let [api, jsonl, csv, sql] = cells.map(|(_, said)| said);
        shown += &format!("{:<24} | {api:<15} | {jsonl:<10} | {csv:<10} | {sql}\n", row.0);
    }
    assert_eq!(stored.len(), taken, "something stands there that nobody was told of");
    is_as_written(&shown, TABLE, &shop.at);
}

/// Which field was refused on this line.
fn in_words(said: &Said, line: usize, key: &str) -> String {
    assert!([Some(0), Some(1), Some(7)].contains(&said.code), "{}", said.stderr);
    match said.complaint(line) {
        None => "taken".to_owned(),
        Some(why) if why.starts_with(key) => key.to_owned(),
        Some(why) => format!("{why:.40}"),
    }
}

fn is_exact(order: &Bad<'_>, found: &Value) {
    let what = order.row.0;
    assert_eq!(found["order_no"], order.number(), "{what}");
    assert_eq!(found["currency"], order.plain("currency"), "{what}");
    let account = Some(order.plain("account")).filter(|account| !account.is_empty());
    assert_eq!(found["account"].as_str(), account.as_deref(), "{what}");
    let expires = Some(order.plain("expires_at")).filter(|at| !at.is_empty());
    assert_eq!(found["expires_at"].as_str(), expires.as_deref(), "{what}");
}

#[tokio::test(flavor = "multi_thread")]
async fn each_order_is_refused_or_stored_exactly_embedded() {
    each_is_refused_or_stored_exactly(Installation::embedded().unwrap()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn each_order_is_refused_or_stored_exactly_on_servers() {
    each_is_refused_or_stored_exactly(Installation::on_servers().await.unwrap()).await;
}
