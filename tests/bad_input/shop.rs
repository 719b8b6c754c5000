//! A shop that is open, and the ways into it: its API, its command line, its database, its door.

use std::fs;
use std::process::Stdio;

use harness::installation::{Addresses, Door, Installation};
use harness::{postgres, sqlite};
use serde_json::Value;
use time::OffsetDateTime;

const TOKEN: &str = "0123456789abcdef0123456789abcdef";

pub(crate) struct Shop {
    pub(crate) at: Installation,
    pub(crate) door: Door,
    client: reqwest::Client,
}

/// What a command said: whether it ended well, its data, its complaints by line.
pub(crate) struct Said {
    pub(crate) code: Option<i32>,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Shop {
    /// The whole system in one process, on the engines that are configured, with this much more configuration.
    pub(crate) async fn open(at: Installation, more: &str) -> Self {
        fs::write(at.path("token"), format!("{TOKEN}\n")).unwrap();
        let config = fs::read_to_string(at.config()).unwrap();
        let config = format!("{config}{more}\n[console]\ntoken_file = \"token\"\n");
        fs::write(at.config(), config).unwrap();
        let door = at.serve(Addresses::free().unwrap()).await.unwrap();
        Self { at, door, client: reqwest::Client::new() }
    }

    pub(crate) async fn post(&self, body: String) -> (u16, Value) {
        let url = format!("{}/api/v1/orders", self.door.addresses.console_url());
        let request = self.client.post(url).bearer_auth(TOKEN).body(body);
        let answer = request.header("content-type", "application/json").send().await.unwrap();
        let status = answer.status().as_u16();
        (status, serde_json::from_str(&answer.text().await.unwrap()).unwrap())
    }

    /// A provider's request, at the account's door.
    pub(crate) async fn notify(&self, account: &str, request: shared::provider::Request) -> u16 {
        let (doors, _) = self.door.url.rsplit_once('/').unwrap();
        let mut post = self.client.post(format!("{doors}/{account}"));
        for (name, value) in request.headers.iter() {
            post = post.header(name, value);
        }
        post.body(request.body).send().await.unwrap().status().as_u16()
    }

    /// A command with this on its standard input.
    pub(crate) fn run(&self, words: &[&str], input: &[u8]) -> Said {
        use std::io::Write as _;
        let mut command = self.at.command(words).unwrap();
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        child.stdin.take().unwrap().write_all(input).unwrap();
        let output = child.wait_with_output().unwrap();
        let text = |bytes| String::from_utf8(bytes).unwrap();
        let (stdout, stderr) = (text(output.stdout), text(output.stderr));
        Said { code: output.status.code(), stdout, stderr }
    }

    /// The documents of a command with `-o jsonl`.
    pub(crate) fn documents(&self, words: &[&str]) -> Vec<Value> {
        let lines = self.at.answer(&[words, &["-o", "jsonl"]].concat()).unwrap();
        lines.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }

    /// Is the statement of another program taken?
    pub(crate) async fn sql(&self, statement: &str) -> bool {
        match &self.at.database {
            Some(database) => {
                let statement = format!("set search_path to quittance; {statement}");
                postgres::sql(&database.url, &statement).await.is_ok()
            }
            None => sqlite::sql(&self.at.path("data/quittance.db"), statement).await.is_ok(),
        }
    }

    /// A time in SQL; nothing where the engine has no way to write it.
    pub(crate) fn sql_time(&self, text: &str) -> Option<String> {
        if self.at.database.is_some() {
            return Some(format!("'{text}'"));
        }
        let form = &time::format_description::well_known::Rfc3339;
        let at = OffsetDateTime::parse(text, form).ok()?;
        Some((at.unix_timestamp_nanos() / 1_000).to_string())
    }
}

impl Said {
    /// What was complained about, by the line of the file.
    pub(crate) fn complaint(&self, line: usize) -> Option<&str> {
        let head = format!("line {line}: ");
        self.stderr.lines().find_map(|said| said.strip_prefix(&head))
    }
}
