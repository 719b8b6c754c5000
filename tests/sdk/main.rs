//! SDKs that are not ours, in both directions: what they sign we take, what we sign they take, and
//! neither takes what was changed.

#![expect(clippy::unwrap_used, reason = "a helper that fails is a test that fails")]

mod alipay;
mod wechat_pay;
mod wechat_pay_v2;
mod adyen;
mod standard_webhooks;
mod stripe;
mod unionpay;
mod paypal;

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde_json::Value;

/// Random cases in each direction.
const COUNT: usize = 300;
const SEED: u64 = 20_261_123;

/// Words that a careless decoder changes.
const SUBJECTS: [&str; 8] = [
    "语雀空间 500人规模",
    "1+1=2",
    "100% %2B",
    r#"{"a":"b & c"}"#,
    "Tom & Jerry",
    "back\\slash/",
    "🧾 ümläut",
    "  blanks  ",
];

/// The interpreter with the SDKs in it.
fn python() -> PathBuf {
    let prepared = Path::new(env!("CARGO_MANIFEST_DIR")).join("../target/python/bin/python");
    let python = std::env::var_os("QUITTANCE_TEST_PYTHON").map_or(prepared, PathBuf::from);
    assert!(python.exists(), "the SDKs are not installed: `./test` prepares it");
    python
}

/// Runs a script of this folder and answers the lines it prints.
fn sdk(script: &str, arguments: &[&str], input: &[String]) -> Vec<Value> {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("sdk").join(script);
    let mut command = Command::new(python());
    // Alone, so that a script may bear the name of the package that it tries.
    command.args(["-I", "-X", "utf8"]).arg(script).args(arguments);
    let mut child = command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::inherit())
        .spawn()
        .unwrap();
    let mut stdin = child.stdin.take().unwrap();
    let input = input.iter().map(|line| format!("{line}\n")).collect::<String>();
    // Written aside, because the answers come while it is still read.
    let writing = std::thread::spawn(move || stdin.write_all(input.as_bytes()));
    let output = child.wait_with_output().unwrap();
    writing.join().unwrap().unwrap();
    assert!(output.status.success(), "the script failed: {}", output.status);
    let text = String::from_utf8(output.stdout).unwrap();
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap()
}
