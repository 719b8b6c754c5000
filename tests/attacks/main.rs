//! What strangers and broken networks send to the public door, over real HTTP on loopback.
//!
//! **Invariant**: of each attack nothing is enqueued, the answer does not say why, and the counter
//! does.

#![expect(clippy::unwrap_used, reason = "a helper that fails is a test that fails")]

mod door;
mod sender;
mod alipay;
mod returns;
mod return_page;
mod answers;
mod forgeries;
mod genuine;
mod any_body;
mod quarantine;
mod flood;
mod causes;
mod corpus;
mod wechat_pay;
mod wechat_pay_v2;
mod webhook;
mod stripe;
mod adyen;
mod standard_webhooks;
mod any_json;
mod unionpay;
mod paypal;
