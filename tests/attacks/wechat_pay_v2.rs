//! WeChat Pay, API v2, at the door and in the worker.

mod sender;
mod refused;
mod form;
mod taken;
mod said;
mod any_body;
