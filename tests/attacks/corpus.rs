//! Every input that once widened a fuzzer's coverage, met again: a short run on each change. The long
//! ones are `tests/fuzz/run`.

use std::fs;
use std::path::Path;

use harness::fuzzed::Subject;
use proptest::prelude::*;
use shared::provider::Provider;

/// Changed copies of each provider's inputs.
const CASES: u32 = 300;

fn corpus(provider: Provider) -> Vec<Vec<u8>> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/corpus").join(provider.as_str());
    let mut files: Vec<_> =
        fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    files.iter().map(|file| fs::read(file).unwrap()).collect()
}

#[test]
fn nothing_that_fuzzing_found_makes_a_provider_panic() {
    for provider in Provider::ALL.iter().copied() {
        let inputs = corpus(provider);
        assert!(inputs.len() > 5, "{}: a corpus", provider.as_str());
        let subject = Subject::of(provider.as_str()).unwrap();
        inputs.iter().for_each(|input| subject.meet(input));
    }
}

#[test]
fn nothing_near_it_does_either() {
    for provider in Provider::ALL.iter().copied() {
        let (inputs, subject) = (corpus(provider), Subject::of(provider.as_str()).unwrap());
        let changed =
            (prop::sample::select(inputs), any::<prop::sample::Index>(), any::<[u8; 3]>());
        let config =
            ProptestConfig { cases: CASES, failure_persistence: None, ..ProptestConfig::default() };
        let met =
            proptest::test_runner::TestRunner::new(config).run(&changed, |(input, at, bytes)| {
                let at = at.index(input.len() + 1);
                subject.meet(&[&input[..at], &bytes, &input[at..]].concat());
                subject.meet(&input[..at]);
                Ok(())
            });
        met.unwrap();
    }
}
