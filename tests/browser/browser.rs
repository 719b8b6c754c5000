//! Chromium through chromedriver: as much of WebDriver as these tests need. Source: W3C WebDriver 2.

use std::process::Command;
use std::time::Duration;

use anyhow::{Context as _, ensure};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use harness::program::Program;
use harness::{ports, wait};
use serde_json::{Value, json};
use tempfile::TempDir;

/// Far beyond what a busy machine takes for a page.
const PATIENCE: Duration = Duration::from_secs(90);
/// Nothing of it leaves this machine, and as root there is no sandbox. A container's /dev/shm is small.
const FLAGS: [&str; 8] = [
    "--headless=new",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
];
/// A phone of today, in CSS pixels.
pub(crate) const PHONE: (u32, u32) = (390, 700);

/// One browser with a profile of its own; ended when dropped.
pub(crate) struct Browser {
    client: reqwest::Client,
    session: String,
    driver: Program,
    _profile: TempDir,
}

impl Browser {
    /// A phone whose owner reads this language.
    pub(crate) async fn phone(languages: &str) -> anyhow::Result<Self> {
        let profile = tempfile::tempdir()?;
        let port = ports::free()?;
        let mut command = Command::new("chromedriver");
        command.arg(format!("--port={port}")).env("HOME", profile.path());
        let mut driver = Program::launch("chromedriver", command)
            .context("chromium and chromium-driver are needed: `./test` installs them")?;
        let url = format!("http://127.0.0.1:{port}");
        driver.wait_ready(&format!("{url}/status")).await?;
        let client = reqwest::Client::builder().timeout(PATIENCE).no_proxy().build()?;
        let own = format!("--user-data-dir={}", profile.path().join("profile").display());
        let flags: Vec<&str> = FLAGS.into_iter().chain([own.as_str()]).collect();
        let options = json!({"args": flags, "prefs": {"intl.accept_languages": languages}});
        let wanted = json!({"browserName": "chrome", "goog:chromeOptions": options});
        let asked = json!({"capabilities": {"alwaysMatch": wanted}});
        let made = post(&client, &format!("{url}/session"), &asked).await;
        let made = made.map_err(|error| driver.explain(error))?;
        let id = made["sessionId"].as_str().context("no session")?;
        let session = format!("{url}/session/{id}");
        let browser = Self { client, session, driver, _profile: profile };
        let (width, height) = PHONE;
        let screen =
            json!({"width": width, "height": height, "deviceScaleFactor": 1.5, "mobile": true});
        browser.devtools("Emulation.setDeviceMetricsOverride", screen).await?;
        Ok(browser)
    }

    /// From the next page on, no script runs.
    pub(crate) async fn forbid_scripts(&self) -> anyhow::Result<()> {
        self.devtools("Emulation.setScriptExecutionDisabled", json!({"value": true})).await
    }

    pub(crate) async fn prefer_dark(&self) -> anyhow::Result<()> {
        let dark = json!([{"name": "prefers-color-scheme", "value": "dark"}]);
        self.devtools("Emulation.setEmulatedMedia", json!({"features": dark})).await
    }

    pub(crate) async fn open(&self, url: &str) -> anyhow::Result<()> {
        self.ask("url", &json!({"url": url})).await.map(drop)
    }

    /// What a person can read on the page.
    pub(crate) async fn text(&self) -> anyhow::Result<String> {
        let body = json!({"using": "css selector", "value": "body"});
        let found = self.ask("element", &body).await?;
        let element = found.as_object().and_then(|found| found.values().next());
        let element = element.and_then(Value::as_str).context("no body")?;
        let text = self.tell(&format!("element/{element}/text")).await?;
        Ok(text.as_str().context("no text")?.to_owned())
    }

    /// Waits until a person reads this.
    pub(crate) async fn reads(&self, words: &str) -> anyhow::Result<String> {
        let what = format!("`{words}` on the page");
        wait::until(&what, PATIENCE, || async {
            self.text().await.ok().filter(|text| text.contains(words))
        })
        .await
        .map_err(|late| self.driver.explain(late))
    }

    /// What an expression comes to.
    pub(crate) async fn value(&self, expression: &str) -> anyhow::Result<Value> {
        let script = json!({"script": format!("return {expression}"), "args": []});
        self.ask("execute/sync", &script).await
    }

    /// What the page looks like, as PNG.
    pub(crate) async fn screenshot(&self) -> anyhow::Result<Vec<u8>> {
        let shot = self.tell("screenshot").await?;
        Ok(BASE64.decode(shot.as_str().context("no picture")?)?)
    }

    /// Ends the browser in good order.
    pub(crate) async fn close(self) -> anyhow::Result<()> {
        let answer = self.client.delete(&self.session).send().await?;
        ensure!(answer.status() == 200, "the browser does not end");
        Ok(())
    }

    async fn devtools(&self, command: &str, parameters: Value) -> anyhow::Result<()> {
        let body = json!({"cmd": command, "params": parameters});
        self.ask("goog/cdp/execute", &body).await.map(drop)
    }

    async fn ask(&self, path: &str, body: &Value) -> anyhow::Result<Value> {
        post(&self.client, &format!("{}/{path}", self.session), body).await
    }

    async fn tell(&self, path: &str) -> anyhow::Result<Value> {
        let answer = self.client.get(format!("{}/{path}", self.session)).send().await?;
        value_of(answer).await
    }
}

async fn post(client: &reqwest::Client, url: &str, body: &Value) -> anyhow::Result<Value> {
    let request = client.post(url).header("content-type", "application/json");
    value_of(request.body(body.to_string()).send().await?).await
}

async fn value_of(answer: reqwest::Response) -> anyhow::Result<Value> {
    let status = answer.status();
    let mut told: Value = serde_json::from_str(&answer.text().await?)?;
    ensure!(status == 200, "{}", told["value"]["message"]);
    Ok(told["value"].take())
}
