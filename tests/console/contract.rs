//! docs/http/openapi.json as a judge of answers.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::sync::LazyLock;

use reqwest::Method;
use serde_json::Value;

static CONTRACT: LazyLock<Value> = LazyLock::new(|| {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/http/openapi.json");
    serde_json::from_str(&fs::read_to_string(path).unwrap()).unwrap()
});

/// Fails on an answer that the contract does not know; gives its path where the route is in it.
pub(crate) fn check(method: &Method, path: &str, status: u16, body: &Value) -> Option<String> {
    let (template, item) = route(path)?;
    let operation = item.get(method.as_str().to_lowercase())?;
    let place = format!("{method} {template} {status}");
    let answer = operation["responses"].get(status.to_string());
    let answer = answer.unwrap_or_else(|| panic!("{place} is not in the contract: {body}"));
    let wrong = differences(&answer["content"]["application/json"]["schema"], body, "body");
    assert!(wrong.is_empty(), "{place}: {wrong:#?}\n{body}");
    Some(template)
}

/// Every answer that is promised, as method, path and status.
pub(crate) fn promised() -> BTreeSet<(String, String, u16)> {
    let mut promised = BTreeSet::new();
    for (path, item) in CONTRACT["paths"].as_object().unwrap() {
        for (method, operation) in item.as_object().unwrap() {
            for status in operation["responses"].as_object().unwrap().keys() {
                promised.insert((method.clone(), path.clone(), status.parse().unwrap()));
            }
        }
    }
    promised
}

fn route(path: &str) -> Option<(String, &'static Value)> {
    let path = path.split('?').next().unwrap_or_default();
    let parts: Vec<_> = path.split('/').collect();
    let is_of = |template: &str| {
        let wanted: Vec<_> = template.split('/').collect();
        let fits = |(wanted, part): (&&str, &&str)| wanted == part || wanted.starts_with('{');
        wanted.len() == parts.len() && wanted.iter().zip(&parts).all(fits)
    };
    let paths = CONTRACT["paths"].as_object().unwrap();
    let found = paths.iter().find(|(template, _)| is_of(template));
    found.map(|(template, item)| (template.clone(), item))
}

/// The part of JSON Schema that the contract uses.
fn differences(schema: &'static Value, value: &Value, place: &str) -> Vec<String> {
    if let Some(reference) = schema["$ref"].as_str() {
        let pointer = reference.trim_start_matches('#');
        return differences(CONTRACT.pointer(pointer).unwrap(), value, place);
    }
    if let Some(one_of) = schema["oneOf"].as_array() {
        let fits = |schema| differences(schema, value, place).is_empty();
        let fitting = one_of.iter().filter(|schema| fits(schema)).count();
        return if fitting == 1 {
            vec![]
        } else {
            vec![format!("{place}: fits {fitting} of oneOf")]
        };
    }
    let mut wrong = vec![];
    let names: Vec<&str> = match &schema["type"] {
        Value::String(name) => vec![name],
        Value::Array(names) => names.iter().filter_map(Value::as_str).collect(),
        _ => return wrong,
    };
    let is = match value {
        Value::Null => "null",
        Value::Bool(_) => "boolean",
        Value::Number(_) => "integer",
        Value::String(_) => "string",
        Value::Array(_) => "array",
        Value::Object(_) => "object",
    };
    if !names.contains(&is) {
        wrong.push(format!("{place} is {is}, not {names:?}"));
    }
    if let Some(words) = schema["enum"].as_array()
        && !words.contains(value)
    {
        wrong.push(format!("{place}: {value} is none of {words:?}"));
    }
    for (index, item) in value.as_array().into_iter().flatten().enumerate() {
        wrong.extend(differences(&schema["items"], item, &format!("{place}[{index}]")));
    }
    if let (Some(fields), Some(known)) = (value.as_object(), schema["properties"].as_object()) {
        for required in schema["required"].as_array().into_iter().flatten() {
            if !fields.contains_key(required.as_str().unwrap()) {
                wrong.push(format!("{place} lacks {required}"));
            }
        }
        for (name, field) in fields {
            match known.get(name) {
                Some(schema) => {
                    wrong.extend(differences(schema, field, &format!("{place}.{name}")))
                }
                None => wrong.push(format!("{place} has `{name}`, which is not described")),
            }
        }
    }
    wrong
}
