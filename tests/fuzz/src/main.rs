//! One provider's `verify` and `read` under coverage-guided fuzzing. `QUITTANCE_FUZZ` names the provider.
//!
//! **Invariant**: no bytes make them panic, and what is signed is never called a forgery.

#![no_main]

use std::sync::LazyLock;

use libfuzzer_sys::fuzz_target;

#[path = "../../harness/fuzzed.rs"]
mod fuzzed;

static SUBJECT: LazyLock<fuzzed::Subject> = LazyLock::new(|| {
    let name = std::env::var("QUITTANCE_FUZZ").unwrap_or_default();
    fuzzed::Subject::of(&name).expect("QUITTANCE_FUZZ names a provider")
});

fuzz_target!(|input: &[u8]| SUBJECT.meet(input));
