//! Orders as CSV, a line each: RFC 4180, but no line break within a cell, so that a quote that is left
//! open costs its own line and not the rest of the file.
//!
//! **Invariant**: a cell is stored as it stands or its line is refused; nothing in it is evaluated.

use csv_core::{ReadRecordResult, Reader, ReaderBuilder, Terminator};
use serde_json::{Map, Value};
use worker::ledger::records::{NUMBERS_MAX, NewOrder};

use super::{Wrong, from_value};

mod quotes;

/// The columns: the keys of the same order as JSON.
pub const COLUMNS: [&str; 10] = [
    "order_no",
    "amount",
    "currency",
    "account",
    "numbers",
    "expires_at",
    "mode",
    "subscription_no",
    "period",
    "metadata",
];
const NEEDED: [&str; 3] = ["order_no", "amount", "currency"];
/// Spreadsheets write what stands between cells in their country's way; the header tells which.
const SEPARATORS: [u8; 3] = [b',', b';', b'\t'];
/// Between the numbers in one cell.
const BETWEEN_NUMBERS: char = '|';
const BYTE_ORDER_MARK: &[u8] = "\u{feff}".as_bytes();
/// Cells that a line may have; more than any header of ours has.
const CELLS_MAX: usize = 64;

/// A file to begin with: every column, every way to write it.
pub const EXAMPLE: &str = "\
order_no,amount,currency,account,numbers,expires_at,mode,subscription_no,period,metadata
A-1,1250,CNY,,,,,,,
A-2,980,JPY,shop-alipay,A-2-again|A-2-third,2027-01-31T23:59:59Z,,S-1,P1M,\"{\"\"basket\"\": 7}\"
";

/// What the first line says of those that follow.
pub struct Header {
    columns: Vec<&'static str>,
    separator: u8,
    reader: Reader,
}

impl Header {
    /// Reads the first line.
    pub fn read(line: &[u8]) -> Result<Self, String> {
        let line = line.strip_prefix(BYTE_ORDER_MARK).unwrap_or(line);
        let is_there = |separator: &&u8| line.contains(separator);
        let separator = SEPARATORS.iter().find(is_there).copied().unwrap_or(SEPARATORS[0]);
        let mut reader = reader(separator);
        let mut columns = vec![];
        for name in cells(line, separator, &mut reader)? {
            let known = COLUMNS.iter().find(|column| **column == name.trim());
            let column = *known.ok_or_else(|| {
                let name: String = name.chars().take(40).collect();
                format!("the column `{name}` is not known; known are {}", COLUMNS.join(", "))
            })?;
            if columns.contains(&column) {
                return Err(format!("the column `{column}` stands there twice"));
            }
            columns.push(column);
        }
        match NEEDED.iter().find(|needed| !columns.contains(*needed)) {
            Some(missing) => Err(format!("the column `{missing}` is missing")),
            None => Ok(Self { columns, separator, reader }),
        }
    }

    /// The order on a line.
    pub fn order(&mut self, line: &[u8]) -> Result<NewOrder, Wrong> {
        let whole = |why: String| Wrong::new(None, &why);
        let cells = cells(line, self.separator, &mut self.reader).map_err(whole)?;
        if cells.len() != self.columns.len() {
            let (found, wanted) = (cells.len(), self.columns.len());
            return Err(whole(format!("it has {found} cells, and the header {wanted}")));
        }
        let mut order = Map::new();
        for (column, cell) in self.columns.iter().zip(cells) {
            let value = value(column, cell)?;
            order.extend(value.map(|value| ((*column).to_owned(), value)));
        }
        from_value(Value::Object(order))
    }
}

/// A cell as it would stand in JSON; an empty one is left out where it may be.
fn value(column: &str, cell: String) -> Result<Option<Value>, Wrong> {
    if cell.is_empty() && !NEEDED.contains(&column) {
        return Ok(None);
    }
    Ok(Some(match column {
        "amount" => {
            let digits = cell.bytes().all(|byte| byte.is_ascii_digit());
            let number = cell.parse::<i64>().ok().filter(|_| digits);
            number.map_or(Value::String(cell), Value::from)
        }
        "numbers" => {
            let numbers = cell.split(BETWEEN_NUMBERS).take(NUMBERS_MAX + 1);
            numbers.map(|number| Value::from(number.trim())).collect()
        }
        "metadata" => serde_json::from_str(&cell)
            .map_err(|_| Wrong::new(Some(column.to_owned()), "no JSON, or nested too deep"))?,
        _ => Value::String(cell),
    }))
}

/// The cells of one line, which has no line feed.
fn cells(line: &[u8], separator: u8, reader: &mut Reader) -> Result<Vec<String>, String> {
    let line = line.strip_suffix(b"\r").unwrap_or(line);
    if line.contains(&b'\r') {
        return Err("a carriage return stands within it; save with LF or CRLF".to_owned());
    }
    // The reader would take it as a letter, and so the rest of a cell that began on the line before as an order.
    if !quotes::are_paired(line, separator) {
        return Err(
            "a quote is left open, or stands within a cell that is not in quotes".to_owned()
        );
    }
    // The reader takes a byte order mark off whatever comes first, and an empty line is nothing to it: so
    // a cell keeps its own.
    let line = [b"\n", line, b"\n"].concat();
    let (mut bytes, mut ends) = (vec![0; line.len() + 1], [0; CELLS_MAX]);
    // After a quote that was left open it would go on within it.
    reader.reset();
    let (ended, _, _, count) = reader.read_record(&line, &mut bytes, &mut ends);
    match ended {
        ReadRecordResult::Record => (),
        ReadRecordResult::InputEmpty => return Err("a quote is left open".to_owned()),
        ReadRecordResult::OutputFull | ReadRecordResult::OutputEndsFull | ReadRecordResult::End => {
            return Err(format!("more than {CELLS_MAX} cells"));
        }
    }
    let mut begin = 0;
    let cut = |end: &usize| {
        let cell = bytes.get(begin..*end).unwrap_or_default().to_vec();
        begin = *end;
        String::from_utf8(cell).map_err(|_| "it is not UTF-8".to_owned())
    };
    ends[..count].iter().map(cut).collect()
}

fn reader(separator: u8) -> Reader {
    ReaderBuilder::new().delimiter(separator).terminator(Terminator::Any(b'\n')).build()
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand::rngs::StdRng;
    use rand::{Rng as _, SeedableRng as _};
    use serde_json::json;

    fn order(header: &str, line: &str) -> Result<NewOrder, String> {
        let mut header = Header::read(header.as_bytes())?;
        header.order(line.as_bytes()).map_err(|wrong| wrong.to_string())
    }

    const THREE: &str = "order_no,amount,currency";

    #[test]
    fn the_columns_are_the_keys_of_an_order() {
        let order = order(THREE, "A-1,10,CNY").unwrap();
        let order = serde_json::to_value(order).unwrap();
        let mut keys: Vec<_> = order.as_object().unwrap().keys().map(String::as_str).collect();
        let mut columns = COLUMNS;
        keys.sort_unstable();
        columns.sort_unstable();
        assert_eq!(keys, columns, "a key of an order lacks its column, or the other way");
    }

    #[test]
    fn the_example_is_a_file_of_orders() {
        let mut lines = EXAMPLE.lines().map(str::as_bytes);
        let mut header = Header::read(lines.next().unwrap()).unwrap();
        let orders: Vec<_> = lines.map(|line| header.order(line).unwrap()).collect();
        assert_eq!(orders.len(), 2);
        assert_eq!(orders[0].numbers, Vec::<String>::new());
        assert_eq!(orders[1].numbers, ["A-2-again", "A-2-third"]);
        assert_eq!(orders[1].metadata, Some(json!({"basket": 7})));
        assert_eq!(orders[1].expires_at.unwrap().year(), 2027);
    }

    #[test]
    fn a_header_may_be_in_any_order_and_with_any_spreadsheets_separator() {
        for (header, line) in [
            ("currency,order_no,amount", "CNY,A-1,10"),
            ("\u{feff}order_no;amount;currency", "A-1;10;CNY\r"),
            ("order_no\tamount\tcurrency\r", "A-1\t10\tCNY"),
            ("order_no, amount, currency", "A-1,10,CNY"),
        ] {
            let order = order(header, line).unwrap();
            assert_eq!((order.order_no.as_str(), order.amount), ("A-1", 10), "{header}");
        }
        for (header, wrong) in [
            ("order_no,amount,currency,price", "the column `price` is not known"),
            ("order_no,amount", "the column `currency` is missing"),
            ("order_no,amount,currency,amount", "the column `amount` stands there twice"),
            ("A-1,10,CNY", "the column `A-1` is not known"),
            ("", "quote is left open"),
        ] {
            let error = Header::read(header.as_bytes()).err().unwrap();
            assert!(error.contains(wrong) || header.is_empty(), "{header}: {error}");
        }
    }

    #[test]
    fn a_number_is_stored_exactly_whatever_a_spreadsheet_would_make_of_it() {
        for number in [
            "=1+1",
            "=cmd|' /C calc'!A0",
            "+1",
            "-1",
            "@SUM(A1)",
            "'; drop table orders; --",
            "007",
            "1e3",
            "\u{feff}A",
            "a,b",
            "say \"hi\"",
            "订单-🧾",
        ] {
            let quoted = format!("\"{}\",10,CNY", number.replace('"', "\"\""));
            assert_eq!(order(THREE, &quoted).unwrap().order_no, number);
        }
    }

    #[test]
    fn a_bad_line_says_what_is_wrong_with_it() {
        for (line, wrong) in [
            ("A-1,10", "it has 2 cells, and the header 3"),
            ("A-1,10,CNY,", "it has 4 cells"),
            ("\"A-1,10,CNY", "a quote is left open"),
            // What a line feed within a cell leaves on the next line.
            ("A-1\",\"10\",\"CNY\"", "a quote is left open"),
            ("\"A\"-1,10,CNY", "a quote is left open"),
            ("A-1,10,\"CNY\"\"", "a quote is left open"),
            ("A-1,10\r,CNY", "a carriage return stands within it"),
            (",10,CNY", "order_no: an order number may not be empty"),
            ("A-1,,CNY", "amount: a whole number"),
            ("A-1,0.10,CNY", "amount: a whole number"),
            ("A-1,\"1,000\",CNY", "amount: a whole number"),
            ("A-1,1e3,CNY", "amount: a whole number"),
            ("A-1,-10,CNY", "amount: a whole number"),
            ("A-1,+10,CNY", "amount: a whole number"),
            ("A-1,12345678901234567890,CNY", "amount: a whole number"),
            ("A-1,0,CNY", "amount: more than 0"),
            ("A-1,10,cny", "currency: "),
        ] {
            let error = order(THREE, line).unwrap_err();
            assert!(error.starts_with(wrong), "{line}: {error}");
        }
        let error = order(&format!("{THREE},metadata"), "A-1,10,CNY,{").unwrap_err();
        assert!(error.starts_with("metadata: no JSON"), "{error}");
        let many = "x,".repeat(100);
        assert!(order(THREE, &many).unwrap_err().contains("cells"));
        let mut header = Header::read(THREE.as_bytes()).unwrap();
        assert!(header.order(b"\xff,10,CNY").unwrap_err().to_string().contains("UTF-8"));
    }

    #[test]
    fn any_line_is_an_order_or_refused() {
        let mut rng = StdRng::seed_from_u64(7);
        let mut header = Header::read(THREE.as_bytes()).unwrap();
        let alphabet = b"\"\",,,;|\r=A1C\xff{}\xe8\xae\xa2";
        for _ in 0..5_000 {
            let length = rng.gen_range(0..40);
            let line: Vec<u8> =
                (0..length).map(|_| alphabet[rng.gen_range(0..alphabet.len())]).collect();
            drop(header.order(&line));
            drop(Header::read(&line));
        }
    }
}
