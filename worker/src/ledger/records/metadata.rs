//! What a shop may keep beside an order: small, shallow, and the same on every engine.

use serde_json::Value;

/// Bytes of an order's metadata as JSON.
pub const METADATA_MAX_BYTES: usize = 16 * 1024;
/// Lists and objects within one another.
pub const METADATA_DEPTH_MAX: usize = 32;

/// What is wrong with it, in words.
pub(super) fn check(metadata: &Value) -> Result<(), String> {
    if !is_shallow(metadata, METADATA_DEPTH_MAX) {
        return Err(format!("metadata: at most {METADATA_DEPTH_MAX} levels within one another"));
    }
    if has_nul(metadata) {
        // PostgreSQL cannot keep it, and what one engine refuses the other refuses too.
        return Err("metadata: no NUL character is kept".to_owned());
    }
    if metadata.to_string().len() > METADATA_MAX_BYTES {
        return Err(format!("metadata: at most {METADATA_MAX_BYTES} bytes"));
    }
    Ok(())
}

fn is_shallow(value: &Value, levels: usize) -> bool {
    let below = |value: &Value| levels > 0 && is_shallow(value, levels - 1);
    match value {
        Value::Array(values) => levels > 0 && values.iter().all(below),
        Value::Object(fields) => levels > 0 && fields.values().all(below),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => true,
    }
}

fn has_nul(value: &Value) -> bool {
    match value {
        Value::String(text) => text.contains('\0'),
        Value::Array(values) => values.iter().any(has_nul),
        Value::Object(fields) => {
            fields.iter().any(|(name, value)| name.contains('\0') || has_nul(value))
        }
        Value::Null | Value::Bool(_) | Value::Number(_) => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn nested(levels: usize) -> Value {
        (1..levels).fold(json!([]), |inner, _| json!([inner]))
    }

    #[test]
    fn metadata_is_small_shallow_and_without_nul() {
        assert_eq!(check(&json!({"basket": [1, {"a": "b"}], "c": null})), Ok(()));
        assert_eq!(check(&nested(METADATA_DEPTH_MAX)), Ok(()));
        assert!(check(&nested(METADATA_DEPTH_MAX + 1)).is_err());
        assert!(check(&json!({"a": "b\0"})).is_err());
        assert!(check(&json!({"a\0": 1})).is_err());
        assert_eq!(check(&json!("x".repeat(METADATA_MAX_BYTES - 2))), Ok(()));
        assert!(check(&json!("x".repeat(METADATA_MAX_BYTES - 1))).is_err());
    }
}
