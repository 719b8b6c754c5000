//! A console to ask, whose every answer must be one that the contract knows.

use std::collections::BTreeSet;
use std::fs;
use std::sync::Mutex;

use harness::installation::{Addresses, Door, Installation};
use reqwest::{Client, Method};
use serde_json::Value;

use crate::contract;

/// The account of an [`open`](Console::open) console in which no real money moves.
pub(crate) const SANDBOX: &str = "sandbox";
pub(crate) const TOKEN: &str = "0123456789abcdef0123456789abcdef";

/// A served installation, with its token or without one.
pub(crate) struct Console {
    pub(crate) at: Installation,
    pub(crate) door: Door,
    client: Client,
    /// Method, path of the contract, status.
    pub(crate) seen: Mutex<BTreeSet<(String, String, u16)>>,
}

/// What is asked, beginning with an honest caller's headers.
pub(crate) struct Asking {
    pub(crate) method: Method,
    pub(crate) path: String,
    pub(crate) headers: Vec<(&'static str, String)>,
    pub(crate) body: Option<Vec<u8>>,
}

impl Console {
    pub(crate) async fn open(at: Installation) -> Self {
        fs::write(at.path("token"), format!("{TOKEN}\n")).unwrap();
        let config = fs::read_to_string(at.config()).unwrap();
        let sandbox = format!(
            "[accounts.{SANDBOX}]\nprovider = \"alipay\"\napp_id = \"1\"\nmode = \"test\"\n\
             public_keys = [\"alipay.pub\"]\n[console]\ntoken_file = \"token\"\n"
        );
        fs::write(at.config(), config + &sandbox).unwrap();
        Self::served(at).await
    }

    /// As it comes: on loopback, without a token.
    pub(crate) async fn without_token() -> Self {
        Self::served(Installation::embedded().unwrap()).await
    }

    async fn served(at: Installation) -> Self {
        let door = at.serve(Addresses::free().unwrap()).await.unwrap();
        Self { at, door, client: Client::new(), seen: Mutex::default() }
    }

    pub(crate) async fn get(&self, path: &str) -> (u16, Value) {
        self.ask(Asking::get(path)).await
    }

    pub(crate) async fn post(&self, path: &str, body: impl Into<Vec<u8>>) -> (u16, Value) {
        self.ask(Asking::post(path, body)).await
    }

    pub(crate) async fn ask(&self, asking: Asking) -> (u16, Value) {
        let url = format!("{}{}", self.door.addresses.console_url(), asking.path);
        let mut request = self.client.request(asking.method.clone(), url);
        for (name, value) in &asking.headers {
            request = request.header(*name, value);
        }
        if let Some(body) = asking.body {
            request = request.body(body);
        }
        let response = request.send().await.unwrap();
        let status = response.status().as_u16();
        let headers = response.headers().clone();
        for (name, value) in [("cache-control", "no-store"), ("x-content-type-options", "nosniff")]
        {
            assert_eq!(headers[name], value, "{} {}", asking.method, asking.path);
        }
        assert!(!headers.contains_key("access-control-allow-origin"), "no page may read this");
        assert_eq!(headers["content-type"], "application/json");
        let text = response.text().await.unwrap();
        let body: Value = serde_json::from_str(&text).unwrap();
        if let Some(path) = contract::check(&asking.method, &asking.path, status, &body) {
            let method = asking.method.as_str().to_lowercase();
            self.seen.lock().unwrap().insert((method, path, status));
        }
        (status, body)
    }
}

impl Asking {
    pub(crate) fn get(path: &str) -> Self {
        let headers = vec![("authorization", format!("Bearer {TOKEN}"))];
        Self { method: Method::GET, path: path.to_owned(), headers, body: None }
    }

    pub(crate) fn post(path: &str, body: impl Into<Vec<u8>>) -> Self {
        let mut asking = Self { method: Method::POST, body: Some(body.into()), ..Self::get(path) };
        asking.headers.push(("content-type", "application/json".to_owned()));
        asking
    }

    /// With this header instead of, or beside, those that are there.
    pub(crate) fn with(mut self, name: &'static str, value: &str) -> Self {
        self.headers.retain(|(known, _)| *known != name);
        self.headers.push((name, value.to_owned()));
        self
    }

    pub(crate) fn without(mut self, name: &str) -> Self {
        self.headers.retain(|(known, _)| *known != name);
        self
    }
}
