//! The payer's page in a real browser: headless Chromium, driven over WebDriver.

#![expect(clippy::unwrap_used, reason = "a helper that fails is a test that fails")]

mod browser;
mod shop;
mod shown;
mod readable;
