//! `keys init`: a ring that only its owner reads, and that is never overwritten.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;

use harness::installation::Installation;

use crate::ran::run;

#[test]
fn a_ring_is_made_once_and_kept_private() {
    let at = Installation::embedded().unwrap();
    let ring = at.path("keys/seal.keys");
    let ran = run(&at, "keys init").ends_with(0);
    ran.complains_of(&["0600", "[seal]\nkeys_file = \"keys/seal.keys\""]);
    assert_eq!(fs::metadata(&ring).unwrap().permissions().mode() & 0o777, 0o600);

    let made = fs::read_to_string(&ring).unwrap();
    run(&at, "keys init").ends_with(6).complains_of(&["seal.keys exists"]);
    assert_eq!(fs::read_to_string(&ring).unwrap(), made);
}

#[test]
fn a_ring_goes_where_one_says_and_no_two_are_alike() {
    let at = Installation::embedded().unwrap();
    let paths = [at.path("a/one.keys"), at.path("b/two.keys")];
    for path in &paths {
        run(&at, &format!("keys init {}", path.display())).ends_with(0);
        assert_eq!(fs::metadata(path).unwrap().permissions().mode() & 0o777, 0o600);
    }
    let [one, two] = paths.map(|path| fs::read_to_string(path).unwrap());
    assert_ne!(one, two);
}
