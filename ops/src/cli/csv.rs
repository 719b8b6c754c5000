//! CSV for spreadsheets: RFC 4180 in UTF-8, a line each.
//!
//! **Invariant**: a stranger's text stays a text. No spreadsheet takes it for a formula, and no terminal obeys it.

use serde_json::Value;

use super::table::printable;

/// What a spreadsheet evaluates begins with one of these, the wide ones in Asia. Source: OWASP, CSV Injection.
const FORMULA: [char; 8] = ['=', '+', '-', '@', '＝', '＋', '－', '＠'];

/// The names of the columns.
pub fn head(columns: &[&str]) -> String {
    columns.join(",") + "\n"
}

/// These keys of a record; what is not there is an empty cell.
pub fn row(record: &Value, columns: &[&str]) -> String {
    let cells = columns.iter().map(|column| match &record[*column] {
        Value::Null => String::new(),
        Value::String(text) => cell(text),
        // A number is no stranger's, also below zero.
        Value::Number(number) => number.to_string(),
        value @ (Value::Bool(_) | Value::Array(_) | Value::Object(_)) => cell(&value.to_string()),
    });
    cells.collect::<Vec<_>>().join(",") + "\n"
}

/// A text that may begin a formula is marked as one that does not, by an apostrophe; also behind a semicolon, where
/// half of Europe's spreadsheets begin another cell whatever stands in quotes.
fn cell(text: &str) -> String {
    let text = text.split(';').map(marked).collect::<Vec<_>>().join(";");
    let text = printable(&text);
    match text.contains([',', '"', ';']) {
        true => format!("\"{}\"", text.replace('"', "\"\"")),
        false => text,
    }
}

/// Spaces before it hide it from nobody but us.
fn marked(text: &str) -> String {
    let mark = if text.trim_start().starts_with(FORMULA) { "'" } else { "" };
    format!("{mark}{text}")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_row_has_a_cell_for_each_column() {
        let record = json!({ "id": "a", "amount": -7, "cause": "say \"no\", twice", "none": null });
        let columns = ["id", "none", "amount", "absent", "cause"];
        assert_eq!(head(&columns), "id,none,amount,absent,cause\n");
        assert_eq!(row(&record, &columns), "a,,-7,,\"say \"\"no\"\", twice\"\n");
    }

    #[test]
    fn no_text_is_a_formula_and_none_breaks_its_line() {
        for (text, expected) in [
            ("A-1", "A-1"),
            ("=cmd|' /C calc'!A0", "'=cmd|' /C calc'!A0"),
            ("@SUM(1,2)", "\"'@SUM(1,2)\""),
            ("+1", "'+1"),
            ("-1", "'-1"),
            (" =1", "' =1"),
            ("\t=1", "'\u{fffd}=1"),
            ("＝1", "'＝1"),
            ("a\r\n=1", "a\u{fffd}\u{fffd}=1"),
            ("a;b", "\"a;b\""),
            ("a;=1;+2", "\"a;'=1;'+2\""),
            ("", ""),
        ] {
            assert_eq!(cell(text), expected, "{text:?}");
        }
    }
}
