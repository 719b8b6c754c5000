//! What a batch changes about cases: those to open, those to close, and what was said to close them.

use std::collections::{BTreeMap, BTreeSet};

use super::State;
use super::case::{Case, CaseKey};
use super::resolution::{Resolution, Resolutions};

/// The word for a case whose condition ceased by itself.
const SETTLED: &str = "settled";

/// What to write about cases, each key once.
#[derive(Debug, Default)]
pub struct Docket<'a> {
    /// To open, or to bring up to date.
    pub open: BTreeMap<&'a CaseKey, Case>,
    /// To close, and how they ended.
    pub ended: BTreeMap<&'a CaseKey, &'static str>,
    /// To add, in their order.
    pub resolutions: Vec<(&'a CaseKey, &'a Resolution)>,
}

impl<'a> Docket<'a> {
    /// The difference between the states. A case may move with its payment from the payment's own
    /// state to its order's, so the states are looked at together.
    pub fn of(changes: &'a [(State, State)]) -> Self {
        let known: BTreeMap<&CaseKey, &Case> =
            changes.iter().flat_map(|(before, _)| &before.cases).collect();
        let stands: BTreeSet<&CaseKey> =
            changes.iter().flat_map(|(_, after)| after.cases.keys()).collect();
        let mut docket = Self::default();
        for (_, after) in changes {
            let changed = after.cases.iter().filter(|(key, case)| known.get(key) != Some(case));
            docket.open.extend(changed.map(|(key, case)| (key, case.clone())));
        }
        let mut said = Resolutions::default();
        for (before, _) in changes {
            said.extend(before.resolutions.clone());
        }
        for (_, after) in changes {
            for (key, resolutions) in &after.resolutions.0 {
                let new = resolutions.iter().skip(said.of(key).len());
                docket.resolutions.extend(new.map(|resolution| (key, resolution)));
            }
        }
        for (key, resolution) in &docket.resolutions {
            if !stands.contains(key) {
                if !known.contains_key(key) {
                    // It opened and was closed at once.
                    docket.open.insert(key, resolution.case());
                }
                docket.ended.insert(key, resolution.verdict.as_str());
            }
        }
        for key in known.into_keys().filter(|key| !stands.contains(key)) {
            docket.ended.entry(key).or_insert(SETTLED);
        }
        docket
    }
}
