//! What differs between two configurations. Pure: values and files are known by their hashes.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::path::PathBuf;

use toml::{Table, Value};

use super::files::{Hash, Snapshot, hash};

const ACCOUNTS: &str = "accounts";

/// Every value that was set, by its key, as a hash: comparable, and never shown.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Values(BTreeMap<String, Hash>);

/// A configuration and the files that it names, as they were read.
#[derive(Debug, Clone, Default)]
pub struct Standing {
    pub values: Values,
    pub files: Snapshot,
}

/// What differs.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Changes {
    /// Accounts, by name: these a running process takes over.
    pub accounts: BTreeMap<String, Change>,
    /// Keys of other sections: these are read at the start alone.
    pub restart: BTreeSet<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Change {
    Added,
    Removed,
    /// A value, or a file that it names.
    Changed,
}

/// Compares two of them.
pub fn changes(before: &Standing, after: &Standing) -> Changes {
    let (before, after) = (before.hashes(), after.hashes());
    let accounts_before = accounts(&before);
    let accounts_after = accounts(&after);
    let mut found = Changes::default();
    let keys: BTreeSet<_> = before.keys().chain(after.keys()).collect();
    for key in keys.into_iter().filter(|key| before.get(*key) != after.get(*key)) {
        let Some(name) = account(key) else {
            let named = key.split(' ').next().unwrap_or_default();
            found.restart.insert(named.to_owned());
            continue;
        };
        let change = match (accounts_before.contains(name), accounts_after.contains(name)) {
            (false, _) => Change::Added,
            (true, false) => Change::Removed,
            (true, true) => Change::Changed,
        };
        found.accounts.insert(name.to_owned(), change);
    }
    found
}

impl Values {
    pub(super) fn of(table: &Table) -> Self {
        let mut values = BTreeMap::new();
        let mut open: Vec<(String, &Table)> = vec![(String::new(), table)];
        while let Some((section, table)) = open.pop() {
            for (key, value) in table {
                let key = if section.is_empty() { key.clone() } else { format!("{section}.{key}") };
                match value {
                    Value::Table(inner) => open.push((key, inner)),
                    other => {
                        values.insert(key, hash(other.to_string().as_bytes()));
                    }
                }
            }
        }
        Self(values)
    }
}

impl Standing {
    /// Values by their keys; files by the key that names them, a blank, and their path.
    fn hashes(&self) -> BTreeMap<String, Option<Hash>> {
        let values = self.values.0.iter().map(|(key, hash)| (key.clone(), Some(*hash)));
        // The configuration's own file has no key: its values stand for it.
        let files = self.files.iter().filter(|(key, ..)| !key.is_empty());
        let files = files.map(|(key, path, hash)| (format!("{key} {}", path.display()), hash));
        values.chain(files).collect()
    }
}

impl Changes {
    pub fn is_empty(&self) -> bool {
        self.accounts.is_empty() && self.restart.is_empty()
    }
}

impl Change {
    /// The word in a log line.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Added => "added",
            Self::Removed => "removed",
            Self::Changed => "changed",
        }
    }
}

impl fmt::Debug for Values {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.0.keys()).finish()
    }
}

/// The files that sections other than accounts name, by their keys: those end in `_file`.
pub(super) fn named_files(table: &Table) -> Vec<(String, PathBuf)> {
    let mut found = vec![];
    for (section, value) in table.iter().filter(|(section, _)| *section != ACCOUNTS) {
        for (key, value) in value.as_table().into_iter().flatten() {
            if let (true, Some(path)) = (key.ends_with("_file"), value.as_str()) {
                found.push((format!("{section}.{key}"), PathBuf::from(path)));
            }
        }
    }
    found
}

fn account(key: &str) -> Option<&str> {
    key.strip_prefix(ACCOUNTS)?.strip_prefix('.')?.split(['.', ' ']).next()
}

fn accounts(hashes: &BTreeMap<String, Option<Hash>>) -> BTreeSet<&str> {
    hashes.keys().filter_map(|key| account(key)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::files::Files;

    const BEFORE: &str = "[worker]\nlanes = 2\n[accounts.a]\nprovider = \"alipay\"\n\
                          [accounts.b]\nprovider = \"alipay\"\napp_id = \"1\"\n";

    fn standing(text: &str) -> Standing {
        Standing { values: Values::of(&text.parse().unwrap()), files: Snapshot::default() }
    }

    fn found(after: &str) -> Changes {
        changes(&standing(BEFORE), &standing(after))
    }

    #[test]
    fn what_differs_is_named_by_account_or_by_key() {
        assert!(found(BEFORE).is_empty());
        let changes = found(
            "[worker]\nlanes = 3\n[broker]\nshards = 2\n\
             [accounts.b]\nprovider = \"alipay\"\napp_id = \"2\"\n\
             [accounts.c]\nprovider = \"alipay\"\n",
        );
        let accounts: Vec<_> = changes
            .accounts
            .iter()
            .map(|(name, change)| (name.as_str(), change.as_str()))
            .collect();
        assert_eq!(accounts, [("a", "removed"), ("b", "changed"), ("c", "added")]);
        let restart: Vec<_> = changes.restart.into_iter().collect();
        assert_eq!(restart, ["broker.shards", "worker.lanes"]);
    }

    #[test]
    fn a_file_counts_for_the_key_that_names_it() {
        let with = |key: &str, bytes_max| {
            let files = Files::default();
            // Where it is too large it cannot be read, which differs from what stands in it.
            drop(files.text(key, std::path::Path::new(env!("CARGO_MANIFEST_PATH")), bytes_max));
            Standing { files: files.into_snapshot(), ..standing(BEFORE) }
        };
        let of = |key| changes(&with(key, 0), &with(key, 1 << 20));
        assert_eq!(of("accounts.b").accounts["b"], Change::Changed);
        assert_eq!(
            of("seal.keys_file").restart.into_iter().collect::<Vec<_>>(),
            ["seal.keys_file"]
        );
        assert!(of("").is_empty(), "the configuration's own file");
    }

    #[test]
    fn nothing_shows_a_value() {
        let shown = format!("{:?}", standing("[broker]\nurl = \"amqp://u:hunter2@h\""));
        assert!(shown.contains("broker.url") && !shown.contains("hunter2"), "{shown}");
    }

    #[test]
    fn files_of_other_sections_are_found() {
        let table = "[seal]\nkeys_file = \"a\"\n[accounts.x]\nsecret_file = \"b\"\n[log]\nformat = \"json\"";
        let files = named_files(&table.parse().unwrap());
        assert_eq!(files, [("seal.keys_file".to_owned(), PathBuf::from("a"))]);
    }
}
