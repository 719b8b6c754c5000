//! The words both processes speak, and the road between them. Knows no database and no web framework.

pub mod units;
pub mod money;
pub mod order;
pub mod subscription;
pub mod case;
pub mod rules;
pub mod notification;
pub mod event;
pub mod message;
pub mod secret;

pub mod retry;
pub mod provider;

pub mod telemetry;
pub mod process;
pub mod crash;
pub mod listen;
pub mod broker;

pub mod config;
