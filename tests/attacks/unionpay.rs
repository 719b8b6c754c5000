//! UnionPay, version 5.1.0, at the door, on the payer's way back, and in the worker.

mod authority;
mod sender;
mod refused;
mod untrusted;
mod taken;
mod any_body;
