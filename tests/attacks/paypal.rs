//! PayPal's webhooks at the door, with the certificates that it publishes.

mod authority;
mod sender;
mod refused;
mod taken;
mod published;
mod fetched;
mod any_body;
