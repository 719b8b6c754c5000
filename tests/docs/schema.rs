//! JSON Schema, as far as the events' schemas use it.

use serde_json::Value;

/// Everything in which a document and its schema differ. Both must name the same keys: what is
/// required is there, and nothing is there that the schema does not know.
pub(crate) fn differences(schema: &Value, document: &Value, at: &str) -> Vec<String> {
    let mut wrong = vec![];
    if let Some(constant) = schema.get("const")
        && constant != document
    {
        wrong.push(format!("{at}: {document} is not {constant}"));
    }
    if let Some(words) = schema["enum"].as_array()
        && !words.contains(document)
    {
        wrong.push(format!("{at}: {document} is none of {words:?}"));
    }
    match schema["type"].as_str() {
        Some("object") => wrong.extend(keys(schema, document, at)),
        Some("integer") if !document.is_i64() => wrong.push(format!("{at}: no integer")),
        Some("boolean") if !document.is_boolean() => wrong.push(format!("{at}: no boolean")),
        Some("string") if !document.is_string() => wrong.push(format!("{at}: no text")),
        _ => (),
    }
    wrong
}

/// Keys of the schema that a document does not have, though it should show them all.
pub(crate) fn unseen(schema: &Value, document: &Value, at: &str) -> Vec<String> {
    let Some(properties) = schema["properties"].as_object() else { return vec![] };
    let mut unseen_keys = vec![];
    for (key, inner) in properties {
        let path = format!("{at}.{key}");
        match document.get(key) {
            Some(value) => unseen_keys.extend(unseen(inner, value, &path)),
            None => {
                unseen_keys.push(format!("{path}: the schema names it, the code never writes it"))
            }
        }
    }
    unseen_keys
}

fn keys(schema: &Value, document: &Value, at: &str) -> Vec<String> {
    let Some(members) = document.as_object() else { return vec![format!("{at}: no object")] };
    let mut wrong = vec![];
    for key in schema["required"].as_array().into_iter().flatten().filter_map(Value::as_str) {
        if !members.contains_key(key) {
            wrong.push(format!("{at}.{key}: required, and not there"));
        }
    }
    for (key, value) in members {
        match schema["properties"].get(key) {
            Some(inner) => wrong.extend(differences(inner, value, &format!("{at}.{key}"))),
            None => wrong.push(format!("{at}.{key}: the schema does not know it")),
        }
    }
    wrong
}

#[test]
fn a_document_is_held_against_its_schema() {
    let schema = serde_json::json!({
        "type": "object", "required": ["a"],
        "properties": {"a": {"type": "integer"}, "b": {"enum": ["x"]}},
    });
    let document = |text: &str| serde_json::from_str::<Value>(text).expect("JSON");
    assert!(differences(&schema, &document(r#"{"a":1,"b":"x"}"#), "").is_empty());
    for text in [r#"{"a":"1"}"#, r#"{"b":"x"}"#, r#"{"a":1,"b":"y"}"#, r#"{"a":1,"c":1}"#, "[]"] {
        assert_eq!(differences(&schema, &document(text), "").len(), 1, "{text}");
    }
    assert_eq!(unseen(&schema, &document(r#"{"a":1}"#), "").len(), 1);
}
