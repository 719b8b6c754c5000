//! `quittance-worker-crashing`: the worker with the crash points compiled in. The suite of faults runs it;
//! no release does.

use std::process::ExitCode;

#[path = "../main.rs"]
mod worker_main;

fn main() -> ExitCode {
    worker_main::main()
}
