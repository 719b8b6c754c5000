//! WeChat Pay, API v3, at the door and in the worker.

mod sender;
mod refused;
mod taken;
mod opened;
mod said;
mod any_body;
