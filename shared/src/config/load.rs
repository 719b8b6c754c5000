//! Reading the file and the environment into a [`Config`].

use std::path::{Path, PathBuf};

use toml::{Table, Value};

use super::changes::{Standing, Values, named_files};
use super::files::Files;
use super::{Config, Problem, Source, problem};

/// The file that is read when none is named and it exists.
pub const DEFAULT_FILE: &str = "quittance.toml";
/// Names another file.
pub const FILE_VARIABLE: &str = "QUITTANCE_CONFIG";
const VARIABLE_PREFIX: &str = "QUITTANCE__";
const FILE_MAX_BYTES: u64 = 1 << 20;

/// Reads the named file, or `QUITTANCE_CONFIG`, or `quittance.toml` where it exists, and lays the
/// process's environment over it.
pub fn load(file: Option<&Path>) -> Result<Config, Problem> {
    let files = Files::default();
    let mut config = load_with(file, &files)?;
    config.source.standing.files = files.into_snapshot();
    Ok(config)
}

/// The same, and remembers what stood in the file.
pub(super) fn load_with(file: Option<&Path>, files: &Files) -> Result<Config, Problem> {
    let named =
        file.map(Path::to_owned).or_else(|| std::env::var_os(FILE_VARIABLE).map(PathBuf::from));
    let is_named = named.is_some();
    let path = named.unwrap_or_else(|| PathBuf::from(DEFAULT_FILE));
    let (text, base) = match files.text("", &path, FILE_MAX_BYTES) {
        Ok(text) => (text, folder(&path)),
        Err(_) if !is_named && !path.exists() => (String::new(), PathBuf::new()),
        Err(error) => return Err(problem(&path.display().to_string(), &error)),
    };
    let mut config = parse(&text, variables()?.into_iter(), base)?;
    config.source.file = Some(file.map(Path::to_owned));
    Ok(config)
}

/// Lays the variables over the file's text.
pub fn parse(
    text: &str,
    variables: impl Iterator<Item = (String, String)>,
    base: PathBuf,
) -> Result<Config, Problem> {
    let mut table: Table = text
        .parse()
        .map_err(|error: toml::de::Error| problem("quittance.toml", error.message()))?;
    for (name, value) in variables {
        if let Some(keys) = name.strip_prefix(VARIABLE_PREFIX) {
            lay_over(&mut table, &name, keys, &value)?;
        }
    }
    let is_silent = table.is_empty();
    let standing = Standing { values: Values::of(&table), ..Standing::default() };
    let source = Source { file: None, named: named_files(&table), standing, is_silent };
    let config: Config = table.try_into().map_err(|error: toml::de::Error| explain(&error))?;
    Ok(Config { base, source, ..config })
}

/// Our variables; those of others need not even be text.
fn variables() -> Result<Vec<(String, String)>, Problem> {
    let mut ours = vec![];
    for (name, value) in std::env::vars_os() {
        let Some(name) = name.to_str().filter(|name| name.starts_with(VARIABLE_PREFIX)) else {
            continue;
        };
        let value = value.into_string().map_err(|_| problem(name, "must be UTF-8"))?;
        ours.push((name.to_owned(), value));
    }
    Ok(ours)
}

fn folder(path: &Path) -> PathBuf {
    path.parent().map(Path::to_owned).unwrap_or_default()
}

fn lay_over(table: &mut Table, name: &str, keys: &str, text: &str) -> Result<(), Problem> {
    let keys: Vec<_> = keys.split("__").map(str::to_lowercase).collect();
    let Some((last, sections)) = keys.split_last() else { return Ok(()) };
    let mut section = table;
    for key in sections {
        let entry = section.entry(key.clone()).or_insert_with(|| Value::Table(Table::new()));
        section = entry.as_table_mut().ok_or_else(|| problem(name, "names no section"))?;
    }
    section.insert(last.clone(), value(last, text));
    Ok(())
}

/// Lists and small numbers are read as such; everything else, and every id, is text.
fn value(key: &str, text: &str) -> Value {
    let number = text.len() <= 9 && !key.ends_with("_id");
    if let Ok(number) = text
        .parse::<i64>()
        .map(Value::Integer)
        .map_err(drop)
        .and_then(|value| if number { Ok(value) } else { Err(()) })
    {
        return number;
    }
    if text.starts_with('[')
        && let Ok(table) = format!("list = {text}").parse::<Table>()
        && let Some(list) = table.get("list")
    {
        return list.clone();
    }
    Value::String(text.to_owned())
}

/// serde says which key it does not know and which it does; the nearest is suggested.
fn explain(error: &toml::de::Error) -> Problem {
    let message = error.message().trim().to_owned();
    let quoted: Vec<&str> = message.split('`').skip(1).step_by(2).collect();
    let key = error_path(error).unwrap_or_else(|| "quittance.toml".to_owned());
    if let Some((unknown, known)) = quoted.split_first()
        && message.starts_with("unknown field")
    {
        let nearest = known.iter().min_by_key(|word| strsim::damerau_levenshtein(unknown, word));
        let hint = match nearest {
            Some(word) if strsim::normalized_damerau_levenshtein(unknown, word) > 0.4 => {
                format!("; did you mean `{word}`?")
            }
            Some(_) | None => format!("; known here: {}", known.join(", ")),
        };
        return problem(&key, &format!("unknown key `{unknown}`{hint}"));
    }
    problem(&key, &message)
}

/// toml shows the path in its long form: `in `section.key``.
fn error_path(error: &toml::de::Error) -> Option<String> {
    let shown = error.to_string();
    let line = shown.lines().find_map(|line| line.trim().strip_prefix("in `"))?;
    Some(line.trim_end_matches('`').to_owned())
}

#[cfg(test)]
mod tests {
    use time::macros::datetime;

    use super::*;
    use crate::config::Engines;
    use crate::provider::Provider;
    use crate::rules::{AccountRules, Rules};

    fn config(text: &str, variables: &[(&str, &str)]) -> Result<Config, Problem> {
        let owned = variables.iter().map(|(name, value)| ((*name).into(), (*value).into()));
        parse(text, owned, PathBuf::new())
    }

    #[test]
    fn the_environment_overrides_the_file() {
        let file = "[broker]\nshards = 2\nprefix = \"a\"";
        let config = config(file, &[("QUITTANCE__BROKER__SHARDS", "4")]).unwrap();
        assert_eq!((config.broker.shards, config.broker.prefix.as_str()), (4, "a"));
    }

    #[test]
    fn an_unknown_key_is_an_error_with_a_suggestion() {
        let problem = config("[ingress]\nlisten_on = \"127.0.0.1:1\"", &[]).unwrap_err();
        assert!(problem.message.contains("did you mean `listen`?"), "{problem}");
        assert!(problem.key.contains("ingress"), "{problem}");
        assert!(config("", &[("QUITTANCE__BROKR__URL", "x")]).is_err());
    }

    #[test]
    fn engines_come_in_pairs() {
        assert!(matches!(config("", &[]).unwrap().engines(), Ok(Engines::Embedded { .. })));
        let half = config("[broker]\nurl = \"amqp://h\"", &[]).unwrap().engines().unwrap_err();
        assert_eq!(half.key, "database.url");
        assert!(half.message.contains("pairs"), "{half}");
    }

    #[test]
    fn a_problem_never_shows_a_password() {
        let text =
            "[broker]\nurl = \"http://u:hunter2@h\"\n[database]\nurl = \"postgres://u:hunter2@h\"";
        let config = config(text, &[]).unwrap();
        let shown = format!("{config:?} {}", config.engines().unwrap_err());
        assert!(!shown.contains("hunter2"), "{shown}");
        let text = "[broker]\nmanagement_url = \"amqp://u:hunter2@h\"";
        let config = self::config(text, &[]).unwrap();
        let problem = config.management_url().unwrap_err();
        assert_eq!(problem.key, "broker.management_url");
        assert!(config.check().contains(&problem));
        assert!(!format!("{config:?} {problem}").contains("hunter2"));
    }

    #[test]
    fn limits_are_kept() {
        for text in [
            "[broker]\nshards = 0",
            "[worker]\nlanes = 1000",
            "[retry]\nschedule = []",
            "[policy]\norder_deadline = \"9000000000d\"",
            "[ingress]\npublish_timeout = \"0s\"",
        ] {
            assert!(!config(text, &[]).unwrap().check().is_empty(), "{text}");
        }
    }

    #[test]
    fn the_time_for_refunds_is_the_providers_unless_an_account_says_otherwise() {
        let account = |provider: &str, within: &str| {
            let text = format!(
                "[accounts.a]\nprovider = \"{provider}\"\nmerchant_accounts = [\"m\"]\nlive = true\n{within}"
            );
            let config = config(&text, &[]).unwrap();
            (config.choices().rules.accounts["a"].refund_within, config.limits())
        };
        assert_eq!(account("adyen", ""), (None, vec![]));
        let given = account("adyen", "refund_within = \"90d\"");
        assert_eq!(given, (Some(time::Duration::days(90)), vec![]));
        for span in ["0d", "3661d"] {
            let (_, problems) = account("adyen", &format!("refund_within = \"{span}\""));
            assert_eq!(problems[0].key, "accounts.a.refund_within", "{span}");
        }
    }

    #[test]
    fn a_refund_is_taken_until_the_end_of_its_time_where_that_is_known() {
        let within = |refund_within| {
            let account = AccountRules { refund_within, ..AccountRules::default() };
            Rules { accounts: [("shop".to_owned(), account)].into(), ..Rules::default() }
        };
        let paid_at = datetime!(2027-06-01 08:00 UTC);
        for (provider, until) in [
            // A year with a leap day is longer: better a day early than one too late.
            (Provider::WechatPay, Some(datetime!(2028-05-31 08:00 UTC))),
            (Provider::WechatPayV2, Some(datetime!(2028-05-31 08:00 UTC))),
            (Provider::PayPal, Some(datetime!(2027-11-28 08:00 UTC))),
            (Provider::Alipay, None),
            (Provider::UnionPay, None),
            (Provider::Stripe, None),
            (Provider::Adyen, None),
            (Provider::StandardWebhooks, None),
        ] {
            let rules = within(provider.refund_within());
            assert_eq!(rules.refund_by("shop", paid_at), until, "{provider:?}");
            assert_eq!(rules.refund_by("other", paid_at), None);
        }
        let far = datetime!(9999-12-31 23:00 UTC);
        assert_eq!(within(Some(time::Duration::DAY)).refund_by("shop", far), None);
    }
}
