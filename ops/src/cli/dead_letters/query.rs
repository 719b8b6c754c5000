//! The words by which dead letters are found: `provider:alipay code:refused age:>2h`. Pure.

use shared::units::Span;
use time::OffsetDateTime;
use worker::ledger::dead_letters::{LetterFilter, LetterState, Wanted};

/// What stands in a query, for its errors.
const KEYS: &str =
    "provider, account, stage, code, order, message, group, state, text, version, attempts, age";
/// Bytes that a query may have.
const QUERY_MAX_BYTES: usize = 1_000;

/// Why a text is no query, and where: letters are counted from 1.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("at {at}: {what}")]
pub struct QueryError {
    pub at: usize,
    pub what: String,
}

/// One `key:value`, and where it begins.
struct Term<'a> {
    at: usize,
    key: &'a str,
    value: &'a str,
}

/// Reads a query. Without `state:` it means those that are `unsaid`.
pub fn parse(text: &str, unsaid: Wanted, now: OffsetDateTime) -> Result<LetterFilter, QueryError> {
    if text.len() > QUERY_MAX_BYTES {
        return Err(QueryError { at: 1, what: format!("more than {QUERY_MAX_BYTES} bytes") });
    }
    let mut filter = LetterFilter { state: unsaid, ..LetterFilter::default() };
    let mut seen: Vec<&str> = vec![];
    for term in terms(text)? {
        let is_range = term.key == "age";
        let slot = if is_range && term.value.starts_with('<') { "age <" } else { term.key };
        if seen.contains(&slot) {
            return Err(term.wrong(format!("`{}` stands twice", term.key)));
        }
        seen.push(slot);
        term.apply(&mut filter, now)?;
    }
    Ok(filter)
}

fn terms(text: &str) -> Result<Vec<Term<'_>>, QueryError> {
    let mut terms = vec![];
    let mut rest = text;
    loop {
        let trimmed = rest.trim_start();
        if trimmed.is_empty() {
            return Ok(terms);
        }
        let begin = text.len() - trimmed.len();
        let at = text[..begin].chars().count() + 1;
        let wrong = |what: &str| QueryError { at, what: what.to_owned() };
        let end = trimmed.find(|letter: char| letter == ':' || letter.is_whitespace());
        let Some(colon) = end.filter(|end| trimmed[*end..].starts_with(':')) else {
            return Err(wrong(&format!(
                "a word without a key: write one of {KEYS}, as in code:refused"
            )));
        };
        let (key, value) = (&trimmed[..colon], &trimmed[colon + 1..]);
        let (value, after) = match value.strip_prefix('"') {
            Some(quoted) => quoted.split_once('"').ok_or_else(|| wrong("a quote is not closed"))?,
            None => value.split_at(value.find(char::is_whitespace).unwrap_or(value.len())),
        };
        if value.is_empty() {
            return Err(wrong(&format!("`{key}:` lacks its value")));
        }
        terms.push(Term { at, key, value });
        rest = after;
    }
}

impl Term<'_> {
    fn wrong(&self, what: String) -> QueryError {
        QueryError { at: self.at, what }
    }

    fn apply(&self, filter: &mut LetterFilter, now: OffsetDateTime) -> Result<(), QueryError> {
        let text = || Some(self.value.to_owned());
        match self.key {
            "provider" => filter.provider = text(),
            "account" => filter.account = text(),
            "stage" => filter.stage = text(),
            "code" => filter.code = text(),
            "order" => filter.order = text(),
            "message" => filter.message = text(),
            "group" => {
                let id = self.value.parse();
                let what = "a group is named by its id, as `dead-letters groups` shows it";
                filter.group = Some(id.map_err(|_| self.wrong(what.to_owned()))?);
            }
            "state" if self.value == "any" => filter.state = Wanted::Any,
            "state" => {
                let state = LetterState::from_word(self.value);
                let what = "a state is open, replaying, resolved, discarded or any";
                filter.state = Wanted::In(state.ok_or_else(|| self.wrong(what.to_owned()))?);
            }
            "text" => filter.text = text(),
            "version" => filter.version = text(),
            "attempts" => {
                let least = self.value.strip_prefix(">=").and_then(|number| number.parse().ok());
                let what = "attempts are written attempts:>=5";
                filter.attempts = Some(least.ok_or_else(|| self.wrong(what.to_owned()))?);
            }
            "age" => self.age(filter, now)?,
            other => return Err(self.wrong(format!("`{other}` is none of {KEYS}"))),
        }
        Ok(())
    }

    fn age(&self, filter: &mut LetterFilter, now: OffsetDateTime) -> Result<(), QueryError> {
        let wrong = || {
            let what = "an age is written age:>2h or age:<30m, in s, m, h or d";
            self.wrong(what.to_owned())
        };
        let span = |text: &str| -> Result<OffsetDateTime, QueryError> {
            let Span(span) = Span::parse(text).ok_or_else(wrong)?;
            let span = time::Duration::try_from(span).map_err(|_| wrong())?;
            now.checked_sub(span).ok_or_else(wrong)
        };
        if let Some(text) = self.value.strip_prefix('>') {
            filter.until = Some(span(text)?);
        } else {
            let text = self.value.strip_prefix('<').ok_or_else(wrong)?;
            filter.since = Some(span(text)?);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use time::Duration;
    use time::macros::datetime;
    use uuid::Uuid;

    const NOW: OffsetDateTime = datetime!(2026-01-02 12:00 UTC);

    fn not_ended() -> LetterFilter {
        LetterFilter { state: Wanted::NotEnded, ..LetterFilter::default() }
    }

    fn parse(text: &str, now: OffsetDateTime) -> Result<LetterFilter, QueryError> {
        super::parse(text, Wanted::NotEnded, now)
    }

    #[test]
    fn the_whole_language() {
        let some = |text: &str| Some(text.to_owned());
        for (text, expected) in [
            ("", not_ended()),
            ("provider:alipay", LetterFilter { provider: some("alipay"), ..not_ended() }),
            (
                "  stage:read\tcode:unreadable ",
                LetterFilter { stage: some("read"), code: some("unreadable"), ..not_ended() },
            ),
            (
                "order:\"A 1:2\" account:s",
                LetterFilter { order: some("A 1:2"), account: some("s"), ..not_ended() },
            ),
            ("order:订单:1", LetterFilter { order: some("订单:1"), ..not_ended() }),
            ("message:m", LetterFilter { message: some("m"), ..not_ended() }),
            ("text:\"no order\"", LetterFilter { text: some("no order"), ..not_ended() }),
            (
                "version:1.4.2 attempts:>=5",
                LetterFilter { version: some("1.4.2"), attempts: Some(5), ..not_ended() },
            ),
            ("state:any", LetterFilter { state: Wanted::Any, ..not_ended() }),
            (
                "state:discarded",
                LetterFilter { state: Wanted::In(LetterState::Discarded), ..not_ended() },
            ),
            (
                "age:>2h age:<1d",
                LetterFilter {
                    until: Some(NOW - Duration::HOUR * 2),
                    since: Some(NOW - Duration::DAY),
                    ..not_ended()
                },
            ),
            (
                "group:00000000-0000-0000-0000-000000000000",
                LetterFilter { group: Some(Uuid::nil()), ..not_ended() },
            ),
        ] {
            assert_eq!(parse(text, NOW), Ok(expected), "{text}");
        }
    }

    #[test]
    fn an_error_names_its_place() {
        for (text, at, what) in [
            ("alipay", 1, "without a key"),
            ("code:x alipay code:y", 8, "without a key"),
            ("code:x colour:red", 8, "none of provider"),
            ("订单:1 x:y", 1, "none of provider"),
            ("code:x code:y", 8, "twice"),
            ("age:>1h age:>2h", 9, "twice"),
            ("code:", 1, "lacks its value"),
            ("order:\"A", 1, "not closed"),
            ("state:dead", 1, "open, replaying"),
            ("group:7", 1, "by its id"),
            ("code:x  age:2h", 9, "age:>2h"),
            ("attempts:5", 1, "attempts:>=5"),
            ("attempts:>=many", 1, "attempts:>=5"),
            ("age:>2y", 1, "age:>2h"),
            ("age:>99999999999999d", 1, "age:>2h"),
        ] {
            let error = parse(text, NOW).unwrap_err();
            assert_eq!(error.at, at, "{text}: {error}");
            assert!(error.to_string().contains(what), "{text}: {error}");
        }
    }

    proptest! {
        #[test]
        fn no_text_makes_it_fail_otherwise(text in "[a-z:<>\" 0-9订]{0,60}") {
            let length = text.chars().count();
            if let Err(error) = parse(&text, NOW) {
                prop_assert!((1..=length).contains(&error.at), "{}", error);
            }
        }
    }
}
