//! What the tests stand on: private instances of the real servers, our programs as processes, and bounded waits.
//!
//! **Invariant**: whatever the harness starts ends with the test process, however that ends.

mod leash;

pub mod alipay;
pub mod clock;
pub mod driver;
pub mod fuzzed;
pub mod installation;
pub mod ports;
pub mod postgres;
pub mod program;
pub mod rabbitmq;
pub mod sqlite;
pub mod wait;
pub mod wire;
