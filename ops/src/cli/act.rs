//! Who acts by command, and why: what the ledger's `audit` keeps.

use std::os::unix::fs::MetadataExt as _;

const REASON_MAX_BYTES: usize = 500;

/// Who acts: the system's name of the user that the command runs as, else the user's number. What a shell says of
/// itself, anybody can change.
pub fn actor() -> String {
    let number = || std::fs::metadata("/proc/self").map(|process| format!("uid-{}", process.uid()));
    let name = whoami::username().ok().or_else(|| number().ok());
    format!("cli:{}", name.as_deref().unwrap_or("unknown"))
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
    fn whoever_acts_has_the_systems_name_or_number() {
        let output = std::process::Command::new("id").arg("-un").output().unwrap();
        let name = String::from_utf8(output.stdout).unwrap();
        // `id` gives the number where there is no name.
        let named = name.trim();
        let expected =
            if named.parse::<u32>().is_ok() { format!("uid-{named}") } else { named.to_owned() };
        assert_eq!(actor(), format!("cli:{expected}"));
    }

    #[test]
    fn a_reason_is_not_blank() {
        assert!(reason("  ").is_err());
        assert_eq!(reason(" out of stock "), Ok("out of stock".into()));
    }
}
