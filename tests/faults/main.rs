//! What happens when something is wrong: with a message, with the ledger, with the broker.

mod half_open;
mod ledger;
mod messages;
mod replay;
mod restored;
mod storm;
mod theft;
mod watch;
