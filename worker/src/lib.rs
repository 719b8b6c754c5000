//! Settles: owns the policy, the ledger and its migrations, and the flow between broker and ledger.

pub mod decide;
pub mod ledger;

pub mod error;
pub mod settle;
pub mod lane;
pub mod relay;
pub mod morgue;
pub mod reconcile;

pub mod roles;
pub mod config;
