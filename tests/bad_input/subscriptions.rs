//! Subscriptions that are written badly: as JSON lines and by SQL.

use std::collections::BTreeMap;

use harness::installation::Installation;
use serde_json::Value;

use crate::is_as_written;
use crate::shop::Shop;

const TABLE: &str = include_str!("subscriptions.txt");

/// What is wrong, the key, and its value as JSON.
type Row = (&'static str, &'static str, String);

fn rows() -> Vec<Row> {
    let row = |what, key, value: &str| (what, key, value.to_owned());
    let text = |what, key, value: String| (what, key, Value::from(value).to_string());
    vec![
        row("number empty", "subscription_no", "\"\""),
        text("number of 128 bytes", "subscription_no", format!("#{}", "x".repeat(127))),
        text("number of 129 bytes", "subscription_no", format!("#{}", "x".repeat(128))),
        row("number with NUL", "subscription_no", r##""#\u0000b""##),
        row("number with a bell", "subscription_no", r##""#\u0007b""##),
        row("a formula", "subscription_no", "\"=#+1\""),
        row("SQL", "subscription_no", "\"'; drop table subscriptions; --#\""),
        row("letters and emoji", "subscription_no", "\"订阅-🧾-#\""),
        row("account empty", "account", "\"\""),
        row("account with NUL", "account", r#""a\u0000""#),
        text("account of 65 bytes", "account", "x".repeat(65)),
        row("agreement empty", "agreement_no", "\"\""),
        row("agreement with NUL", "agreement_no", r#""a\u0000""#),
        row("amount 0", "amount", "0"),
        row("amount -1", "amount", "-1"),
        row("amount of 20 digits", "amount", "12345678901234567890"),
        row("amount of 63 bits", "amount", "9223372036854775807"),
        row("amount 12.50", "amount", "12.50"),
        row("yen", "currency", "\"JPY\""),
        row("dinars", "currency", "\"KWD\""),
        row("no currency", "currency", "\"XXX\""),
        row("small letters", "currency", "\"cny\""),
        row("each hour", "period", "\"PT1H\""),
        row("each nothing", "period", "\"P0D\""),
        row("each minus month", "period", "\"-P1M\""),
        row("monthly", "period", "\"monthly\""),
        row("each eleven years", "period", "\"P11Y\""),
        row("anchor in a year", "anchor", "\"2026\""),
        row("anchor in year 0", "anchor", "\"0000-12-31T23:59:59Z\""),
        row("anchor in year 1", "anchor", "\"0001-01-01T00:00:00Z\""),
        row("anchor in year 9999", "anchor", "\"9999-12-31T23:59:59Z\""),
        row("anchor after year 9999", "anchor", "\"9999-12-31T23:59:59-01:00\""),
        row("anchor never", "anchor", "\"infinity\""),
        row("no such time zone", "time_zone", "\"Mars/Olympus\""),
        row("time zone empty", "time_zone", "\"\""),
        row("grace of two years", "grace", "\"P2Y\""),
        row("grace less than none", "grace", "\"-P1D\""),
        text("metadata of 16 KiB", "metadata", "x".repeat(16_382)),
        text("metadata of more", "metadata", "x".repeat(16_383)),
        text("metadata of 40 kB", "metadata", "x".repeat(40_000)),
        row("33 levels", "metadata", &format!("{}{}", "[".repeat(33), "]".repeat(33))),
        row("metadata with NUL", "metadata", r#"{"a":"\u0000"}"#),
        row("a key unknown", "status", "\"active\""),
    ]
}

fn fields(entrance: char, index: usize, row: &Row) -> BTreeMap<&'static str, String> {
    let mut fields = BTreeMap::from([
        ("subscription_no", format!("\"{entrance}-{index:02}\"")),
        ("account", "\"shop-alipay\"".to_owned()),
        ("amount", "1500".to_owned()),
        ("currency", "\"CNY\"".to_owned()),
        ("period", "\"P1M\"".to_owned()),
    ]);
    fields.insert(row.1, row.2.replace('#', &entrance.to_string()));
    fields
}

fn plain(json: &str) -> String {
    match serde_json::from_str(json) {
        Ok(Value::String(text)) => text,
        Ok(_) | Err(_) => json.to_owned(),
    }
}

/// Nothing where no statement could say it.
fn statement(fields: &BTreeMap<&'static str, String>, shop: &Shop) -> Option<String> {
    let mut values = vec![];
    for (key, json) in fields {
        let text = if *key == "metadata" { json.clone() } else { plain(json) };
        values.push(match *key {
            "anchor" => shop.sql_time(&text)?,
            _ if text.contains('\0') => return None,
            "amount" => text,
            _ => format!("'{}'", text.replace('\'', "''")),
        });
    }
    let columns: Vec<_> = fields.keys().copied().collect();
    let (columns, values) = (columns.join(", "), values.join(", "));
    Some(format!("insert into subscriptions ({columns}) values ({values})"))
}

async fn each_is_refused_or_stored_exactly(at: Installation) {
    let shop = Shop::open(at, "").await;
    let rows = rows();
    let lines = rows.iter().enumerate().map(|(index, row)| {
        let fields = fields('j', index, row);
        let fields = fields.iter().map(|(key, value)| format!("\"{key}\":{value}"));
        format!("{{{}}}\n", fields.collect::<Vec<_>>().join(","))
    });
    let by_jsonl =
        shop.run(&["subscriptions", "import", "-"], lines.collect::<String>().as_bytes());
    assert_eq!(by_jsonl.code, Some(7), "{}", by_jsonl.stderr);
    let mut by_sql = vec![];
    for (index, row) in rows.iter().enumerate() {
        by_sql.push(match statement(&fields('s', index, row), &shop) {
            Some(statement) if shop.sql(&statement).await => "taken",
            Some(_) => "refused",
            None => "-",
        });
    }
    let stored = shop.documents(&["subscriptions", "list", "--limit", "1000"]);
    let stored: BTreeMap<&str, &Value> =
        stored.iter().map(|one| (one["subscription_no"].as_str().unwrap(), one)).collect();
    let (mut shown, mut taken) = (String::new(), 0);
    for (index, row) in rows.iter().enumerate() {
        let jsonl = match by_jsonl.complaint(index + 1) {
            None => "taken".to_owned(),
            Some(why) if why.starts_with(row.1) => row.1.to_owned(),
            Some(why) => format!("{why:.40}"),
        };
        let mut cells = [('j', jsonl), ('s', by_sql[index].to_owned())];
        for (entrance, said) in &mut cells {
            let fields = fields(*entrance, index, row);
            let found = stored.get(plain(&fields["subscription_no"]).as_str());
            assert_eq!(found.is_some(), said == "taken", "{}, {entrance}: {said}", row.0);
            let Some(found) = found else { continue };
            taken += 1;
            // A document of it does not repeat the metadata.
            let shown = fields.iter().filter(|(key, _)| !["metadata", "status"].contains(*key));
            let is_other =
                |(key, json): &(&&str, &String)| found[**key] != json.parse::<Value>().unwrap();
            for (key, json) in shown.filter(is_other) {
                assert_eq!((*key, *entrance), ("amount", 's'), "{}: {json}", row.0);
                *said = format!("taken as {}", found["amount"]);
            }
        }
        let [jsonl, sql] = cells.map(|(_, said)| said);
        shown += &format!("{:<24} | {jsonl:<22} | {sql}\n", row.0);
    }
    assert_eq!(stored.len(), taken, "something stands there that nobody was told of");
    is_as_written(&shown, TABLE, &shop.at);
}

#[tokio::test(flavor = "multi_thread")]
async fn each_subscription_is_refused_or_stored_exactly_embedded() {
    each_is_refused_or_stored_exactly(Installation::embedded().unwrap()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn each_subscription_is_refused_or_stored_exactly_on_servers() {
    each_is_refused_or_stored_exactly(Installation::on_servers().await.unwrap()).await;
}
