//! What happens when something is wrong: with a message, with the ledger, with the broker.

mod ledger;
mod messages;
mod storm;
mod theft;
mod watch;
