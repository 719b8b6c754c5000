//! End to end: signed notifications through real processes, to settled orders and their events.

#![expect(clippy::unwrap_used, reason = "a helper that fails is a test that fails")]

mod story;
mod a_shops_order;
mod a_flash_sale;
mod a_double_payment_through_two_providers;
mod a_late_payment_after_cancel;
mod a_subscriptions_year;
mod embedded;
mod marks;
mod outcome;
mod quarantine;
mod rotation;
mod seal;
mod servers;
mod subscriber;
