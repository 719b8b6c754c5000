//! Signed texts of the form `a=1&b=2`, in the byte order of their keys, with nothing escaped.
//!
//! Such a text does not tell `&` within a value from `&` between pairs. So whoever may word one value
//! of a genuine message, such as a remark, could cut the text that was signed into other pairs, whose
//! signature fits as well.

/// Parts between `&` that a text may have; a message of a provider has about 40.
const PARTS_MAX: usize = 512;

/// Could the text of these pairs have been cut in another way, in which the provider said something
/// else? `made` lists the keys whose values the provider makes by rules that admit no `&`: numbers,
/// amounts, codes, times. The pairs are those of the text that was verified, in its order.
///
/// What the provider meant is a cut with ascending keys, and in it each pair of `made` is one part.
/// So such a pair either stands among the given ones as it is, or it is hidden within a value; and
/// then there is a cut that reveals it. A pair that was only added, with nothing hidden for it, fits
/// nowhere but between the worded key and the next one: hence `made` should list all that there is.
pub(crate) fn reads_two_ways<'a>(
    pairs: impl Iterator<Item = (&'a [u8], &'a [u8])>,
    made: &[&str],
) -> bool {
    let is_made = |key: &[u8]| made.iter().any(|known| known.as_bytes() == key);
    let mut parts = vec![];
    for (key, value) in pairs {
        let mut pieces = value.split(|byte| *byte == b'&').skip(1).peekable();
        let begin = Part { key, is_made: is_made(key), is_hidden: false };
        if begin.is_made && pieces.peek().is_some() {
            return true;
        }
        parts.push(begin);
        for piece in pieces {
            let mut halves = piece.splitn(2, |byte| *byte == b'=');
            // Without `=` it is no pair; an empty key stands above no other, so it begins none.
            let key = halves.next().filter(|_| halves.next().is_some()).unwrap_or_default();
            parts.push(Part { key, is_made: is_made(key), is_hidden: true });
        }
    }
    let hides = parts.iter().any(Part::may_be_revealed);
    hides && (parts.len() > PARTS_MAX || can_be_revealed(&parts))
}

/// What stands between two `&`.
struct Part<'a> {
    /// What stands before its first `=`.
    key: &'a [u8],
    is_made: bool,
    /// Does it stand within a value, as the text was cut?
    is_hidden: bool,
}

impl Part<'_> {
    fn may_be_revealed(&self) -> bool {
        self.is_hidden && self.is_made
    }
}

/// Is there a cut with ascending keys, each pair of `made` one part, that begins a pair of `made` where
/// there was none?
fn can_be_revealed(parts: &[Part<'_>]) -> bool {
    // For each part, and for the end: does a cut lead there, and does one that reveals something?
    let mut leads = vec![false; parts.len() + 1];
    let mut reveals = leads.clone();
    leads[0] = true;
    for (begin, part) in parts.iter().enumerate() {
        if !leads[begin] {
            continue;
        }
        let last_end = if part.is_made { begin + 1 } else { parts.len() };
        for end in begin + 1..=last_end {
            let next = parts.get(end);
            if next.is_some_and(|next| next.key <= part.key) {
                continue;
            }
            leads[end] = true;
            reveals[end] |= reveals[begin] || next.is_some_and(Part::may_be_revealed);
        }
    }
    reveals[parts.len()]
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const MADE: &[&str] = &["amount", "fee", "id", "order", "state"];

    fn two_ways(pairs: &[(&str, &str)]) -> bool {
        let pairs = pairs.iter().map(|(key, value)| (key.as_bytes(), value.as_bytes()));
        reads_two_ways(pairs, MADE)
    }

    #[test]
    fn what_was_hidden_from_the_reader_is_found() {
        // Worded: `x&amount=1&b=`. Meant: an amount of 20.
        let cut = [("a", "x"), ("amount", "1"), ("b", "&amount=20&fee=0"), ("id", "7")];
        assert!(two_ways(&cut));
        assert!(two_ways(&[("a", "x"), ("amount", "20&fee=3"), ("id", "7")]));
        assert!(two_ways(&[("id", "7&zz=1")]), "a number holds no separator");
        // `fee` is hidden by one that is not known.
        assert!(two_ways(&[("amount", "20"), ("b", "x&fee=3"), ("id", "7")]));
    }

    #[test]
    fn an_innocent_remark_with_separators_is_let_through() {
        for remark in
            ["a&b", "a=1&b=2", "order=1&id=2&amount=3", "?x=1&fee=2&id=3", "&", "&=", "=&="]
        {
            let honest =
                [("amount", "20"), ("attach", remark), ("fee", "0"), ("id", "7"), ("state", "X")];
            assert!(!two_ways(&honest), "{remark}");
        }
    }

    #[test]
    fn a_text_of_too_many_parts_is_not_pondered() {
        let remark = "&amount=1".repeat(PARTS_MAX);
        assert!(two_ways(&[("x", &remark)]));
    }

    type Pairs = Vec<(String, String)>;

    /// What a provider says: numbers of its own, and remarks that a stranger words.
    fn meant() -> impl Strategy<Value = Pairs> {
        let remark = "[a-g]{1,2}|zz|remark";
        let keys = prop_oneof![prop::sample::select(MADE).prop_map(ToOwned::to_owned), remark];
        let piece = "(&|=|amount|fee|id|order|state|b|c|x|1|2){0,12}";
        prop::collection::btree_map(keys, piece, 1..8).prop_map(|pairs| {
            let made = |key: &str| MADE.contains(&key);
            let value = |key: &str, value: String| {
                if made(key) { value.replace('&', "9") } else { value }
            };
            pairs.into_iter().map(|(key, text)| (key.clone(), value(&key, text))).collect()
        })
    }

    fn joined(pairs: &Pairs) -> String {
        let pairs = pairs.iter().map(|(key, value)| format!("{key}={value}"));
        pairs.collect::<Vec<_>>().join("&")
    }

    /// The text cut at some of its separators, as far as the keys ascend.
    fn cut(text: &str, choices: &[bool]) -> Pairs {
        let mut pairs: Pairs = vec![];
        for (at, part) in text.split('&').enumerate() {
            let (key, value) = part.split_once('=').unwrap_or_default();
            let above = pairs.last().is_none_or(|(last, _)| key > last.as_str());
            let chosen = choices[at % choices.len()];
            match pairs.last_mut() {
                Some((_, last)) if !(chosen && above) => {
                    last.push('&');
                    last.push_str(part);
                }
                Some(_) | None => pairs.push((key.to_owned(), value.to_owned())),
            }
        }
        pairs
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 4000, failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn whoever_cuts_anew_takes_nothing_away(
            meant in meant(),
            choices in prop::collection::vec(any::<bool>(), 1..24),
        ) {
            let read = cut(&joined(&meant), &choices);
            prop_assert_eq!(joined(&read), joined(&meant));
            let is_made = |pair: &&(String, String)| MADE.contains(&pair.0.as_str());
            let lost = meant.iter().filter(is_made).any(|pair| !read.contains(pair));
            let view: Vec<_> = read.iter().map(|(key, value)| (key.as_str(), value.as_str())).collect();
            prop_assert!(!lost || two_ways(&view), "{:?} as {:?}", meant, read);
        }
    }
}
