//! What happens when something is wrong: with a message, with the ledger, with the broker.

mod clocks;
mod half_open;
mod held_up;
mod ledger;
mod messages;
mod replay;
mod restored;
mod rolling;
mod storm;
mod theft;
mod topology;
mod upgrade;
mod watch;
