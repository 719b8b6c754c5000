//! `dead-letters export`: every letter that fits, a line each, read page by page.

use worker::ledger::Session;
use worker::ledger::dead_letters::LetterFilter;

use super::shown;
use crate::cli::exit::Failure;
use crate::cli::output::data;

/// Letters in one page.
const PAGE: i64 = 200;

pub(super) async fn run<S: Session>(
    session: &mut S,
    filter: &LetterFilter,
    reason: Option<String>,
) -> Result<(), Failure> {
    let mut before = None;
    loop {
        let page = LetterFilter { before, limit: PAGE, ..filter.clone() };
        let letters = session.letters(&page).await?;
        let Some(last) = letters.last() else { return Ok(()) };
        before = Some(last.id);
        for letter in letters {
            let Some(file) = session.letter(letter.id).await? else { continue };
            let shown = shown::file_if_there(session, file, reason.clone()).await?;
            let line = serde_json::to_string(&shown).map_err(std::io::Error::from)?;
            data(&format!("{line}\n"))?;
        }
    }
}
