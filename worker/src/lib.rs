//! Settles: owns the policy, the ledger and its migrations, and the flow between broker and ledger.

pub mod decide;
pub mod ledger;
