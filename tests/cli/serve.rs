//! `serve`: one owner of a file, one listener on a port, and an end that is no failure.

use std::time::Duration;

use harness::installation::{Addresses, Installation};
use harness::program::Program;

use crate::shop::Shop;

const SOON: Duration = Duration::from_secs(30);

/// Starts one that must not come up, and gives its exit code and what it said.
async fn refused(at: &Installation, addresses: &Addresses) -> (Option<i32>, String) {
    let line = ["serve", "--config", &at.config()];
    let mut program = Program::start("quittance", &line, &addresses.variables()).unwrap();
    let code = program.wait_end(SOON).await.unwrap().code();
    assert_eq!(program.stdout(), "");
    (code, program.stderr())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_or_a_port_that_is_taken_ends_with_6() {
    let mut shop = Shop::open().await;
    let (code, said) = refused(&shop.at, &Addresses::free().unwrap()).await;
    assert_eq!(code, Some(6), "{said}");
    assert!(said.contains("another `quittance serve`"), "{said}");

    let neighbour = Installation::embedded().unwrap();
    let (code, said) = refused(&neighbour, &shop.door.addresses).await;
    assert_eq!(code, Some(6), "{said}");

    // Neither disturbed the first, which ends well when asked to.
    shop.import(&["A-1"]);
    shop.simulate("paid", "A-1").ends_with(0);
    assert!(shop.door.program.terminate().await.unwrap().success());
    assert_eq!(shop.door.program.stdout(), "", "a greeting is no data");
    let greeting = shop.door.program.stderr();
    for word in ["engines        embedded", &shop.door.addresses.console_url()] {
        assert!(greeting.contains(word), "{greeting}");
    }
}
