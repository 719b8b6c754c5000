//! Text that was read in one character set and written in another.

use encoding_rs::{Encoding, GB18030, GBK, UTF_8, WINDOWS_1252};

use super::super::super::Received;
use super::{Clues, Mended, Proposals, everywhere, these};

/// Those that a sender, or whoever took UTF-8 for something else, may have used.
const OTHERS: [&Encoding; 3] = [GBK, GB18030, WINDOWS_1252];

pub(super) fn converted<'a>(received: &'a Received, _: &'a Clues) -> Proposals<'a> {
    let mut found = vec![];
    for other in OTHERS {
        for (from, to) in [(other, UTF_8), (UTF_8, other)] {
            // What came was written in `to`, after it had been read as `from`.
            let detail = format!("from {} to {}", from.name(), to.name());
            let mended = everywhere(received, |text| convert(text, to, from));
            found.extend(mended.into_iter().map(|one| Mended::with(one.received, &*detail)));
        }
    }
    these(found)
}

/// The same letters in another character set; nothing where one has no such letter.
fn convert(text: &[u8], from: &'static Encoding, to: &'static Encoding) -> Option<Vec<u8>> {
    if text.is_ascii() {
        return None;
    }
    let letters = from.decode_without_bom_handling_and_without_replacement(text)?;
    let (bytes, _, unmappable) = to.encode(&letters);
    (!unmappable).then(|| bytes.into_owned())
}
