//! Every configuration key is described, and every provider's page tells what its file refuses.

use std::collections::{BTreeMap, BTreeSet};

use shared::provider::Provider;

use crate::tree::{below, between, nothing_is, sources, text};
use crate::unless_told;

#[test]
fn every_configuration_key_is_described_and_no_other() {
    let page = text("docs/configuration.md");
    let (config, sections) = (text("shared/src/config.rs"), sources(&["shared/src/config"]));
    let mut wrong = vec![];
    for (section, of) in fields(&config, "Config") {
        if !of.ends_with("Section") {
            continue;
        }
        let keys = fields(&sections, &of).into_keys().collect();
        wrong.extend(compare_keys(&page, &format!("## [{section}]"), &keys));
    }
    let general = fields(&text("shared/src/config/account.rs"), "General").into_keys().collect();
    wrong.extend(compare_keys(&page, "## [accounts.NAME]", &general));
    for provider in Provider::ALL {
        let (source, own_page) = provider_files(*provider);
        let own = fields(&source, "Section").into_keys().collect();
        wrong.extend(compare_keys(&own_page, "## Configuration", &own));
    }
    nothing_is(&wrong);
}

#[test]
fn every_refusal_of_a_provider_is_described_on_its_page() {
    let mut wrong = vec![];
    for provider in Provider::ALL {
        let (source, own_page) = provider_files(*provider);
        for name in source.split("Rejection::").skip(1) {
            let variant: String = name.chars().take_while(|c| c.is_alphanumeric()).collect();
            let word = snake_case(&variant);
            wrong.extend(unless_told(&own_page, &word, &format!("of {}", provider.as_str())));
        }
    }
    nothing_is(&wrong);
}

#[test]
fn every_field_that_is_masked_is_told_and_no_other() {
    let page = text("docs/privacy.md");
    let mut wrong = vec![];
    for provider in Provider::ALL {
        let named = format!("| `{}` | ", provider.as_str());
        let row = page.lines().find_map(|line| line.strip_prefix(&named)).unwrap_or_default();
        let told: BTreeSet<&str> = row.split('`').skip(1).step_by(2).collect();
        let masked: BTreeSet<&str> = provider.personal().iter().copied().collect();
        let differing = masked.symmetric_difference(&told);
        wrong.extend(differing.map(|field| format!("docs/privacy.md: {named}{field}")));
    }
    nothing_is(&wrong);
}

#[test]
fn the_worked_example_of_a_provider_is_the_file_that_is_compiled() {
    let page = text("docs/adding-a-provider.md");
    let shown = between(&page, "```rust\n", "```\n");
    assert_eq!(shown, text("shared/src/provider/acme_pay.rs"));
    let declared = text("shared/src/provider/ninth.rs");
    assert!(declared.contains("providers! {\n    AcmePay = acme_pay,\n}"));
}

/// The public fields of a struct, with their types' last words.
fn fields(source: &str, name: &str) -> BTreeMap<String, String> {
    let body = between(source, &format!("pub struct {name} {{"), "\n}");
    let field = |line: &str| {
        let (name, of) = line.trim().strip_prefix("pub ")?.split_once(": ")?;
        Some((name.to_owned(), of.trim_end_matches(',').to_owned()))
    };
    // What serde skips is no key.
    let keys = body.split("#[serde(skip)]").next().unwrap_or_default();
    keys.lines().filter_map(field).collect()
}

fn compare_keys(page: &str, heading: &str, keys: &BTreeSet<String>) -> Vec<String> {
    if !page.contains(&format!("\n{heading}\n")) {
        return vec![format!("docs/configuration.md: no heading `{heading}`")];
    }
    let rows = below(page, heading).lines().filter_map(|line| line.strip_prefix("| `"));
    let told: BTreeSet<String> =
        rows.filter_map(|row| row.split_once('`')).map(|(key, _)| key.to_owned()).collect();
    let differing = keys.symmetric_difference(&told);
    differing.map(|key| format!("docs/configuration.md: {heading} {key}")).collect()
}

/// A provider's source, and the page that describes it.
fn provider_files(provider: Provider) -> (String, String) {
    let name = provider.as_str();
    let source = text(&format!("shared/src/provider/{name}.rs"));
    (source, text(&format!("docs/providers/{name}.md")))
}

/// `NotOurs` is counted as `not_ours`.
fn snake_case(variant: &str) -> String {
    let mut word = String::new();
    for letter in variant.chars() {
        if letter.is_uppercase() && !word.is_empty() {
            word.push('_');
        }
        word.push(letter.to_ascii_lowercase());
    }
    word
}
