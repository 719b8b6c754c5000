//! Who acts by command, and why: what the ledger's `audit` keeps.

const REASON_MAX_BYTES: usize = 500;

/// Who acts, as the system names whoever is logged in.
pub fn actor() -> String {
    let named = ["USER", "LOGNAME"].iter().find_map(|name| std::env::var(name).ok());
    format!("cli:{}", named.as_deref().unwrap_or("unknown"))
}

/// Reads a reason from the command line.
pub fn reason(text: &str) -> Result<String, String> {
    let text = text.trim();
    if text.is_empty() || text.len() > REASON_MAX_BYTES {
        return Err(format!("from 1 to {REASON_MAX_BYTES} bytes are needed"));
    }
    Ok(text.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reason_is_not_blank() {
        assert!(reason("  ").is_err());
        assert_eq!(reason(" out of stock "), Ok("out of stock".into()));
    }
}
