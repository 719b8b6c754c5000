//! A simulated request on its way: as HTTP text, as a command line, or posted.

use std::time::Duration;

use super::{Expected, Simulated};

/// How long one answer may take: longer than an ingress waits for its broker.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(35);
const ANSWER_MAX_BYTES: usize = 4 * 1024;

/// What came back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    pub status: u16,
    pub body: String,
}

/// No answer came.
#[derive(Debug, thiserror::Error)]
pub enum SendError {
    #[error("nobody answers at {url}: is `quittance serve` or an ingress running there?")]
    Unreachable { url: String },
    #[error("`{url}` cannot be posted to: write http://HOST:PORT/notify/ACCOUNT")]
    Url { url: String },
}

/// Posts one request and reads the answer's beginning.
pub async fn send(url: &str, simulated: &Simulated) -> Result<Answer, SendError> {
    let unreachable = |_| SendError::Unreachable { url: url.to_owned() };
    let client = reqwest::Client::builder()
        .timeout(ANSWER_TIMEOUT)
        .redirect(reqwest::redirect::Policy::none())
        .no_proxy()
        .build()
        .map_err(unreachable)?;
    let mut request = client.post(plain(url)?).body(simulated.body.clone());
    for (name, value) in &simulated.headers {
        request = request.header(*name, value);
    }
    let request = request.build().map_err(|_| SendError::Url { url: url.to_owned() })?;
    let mut response = client.execute(request).await.map_err(unreachable)?;
    let status = response.status().as_u16();
    let mut body = vec![];
    while body.len() < ANSWER_MAX_BYTES {
        match response.chunk().await.map_err(unreachable)? {
            Some(chunk) => body.extend_from_slice(&chunk),
            None => break,
        }
    }
    body.truncate(ANSWER_MAX_BYTES);
    Ok(Answer { status, body: String::from_utf8_lossy(&body).into_owned() })
}

/// The whole request as HTTP/1.1 writes it. Source: RFC 9112 §2.1.
pub fn raw(url: &str, simulated: &Simulated) -> Result<String, SendError> {
    let parsed = plain(url)?;
    let host = parsed.host_str().unwrap_or_default();
    let port = parsed.port().map(|port| format!(":{port}")).unwrap_or_default();
    let query = parsed.query().map(|query| format!("?{query}")).unwrap_or_default();
    let mut text = format!("POST {}{query} HTTP/1.1\r\nhost: {host}{port}\r\n", parsed.path());
    for (name, value) in &simulated.headers {
        text += &format!("{name}: {value}\r\n");
    }
    let length = simulated.body.len();
    Ok(text + &format!("content-length: {length}\r\n\r\n{}", simulated.body))
}

/// The same as a command line of `curl`, for any POSIX shell.
pub fn curl(url: &str, simulated: &Simulated) -> Result<String, SendError> {
    let mut line = format!("curl -sS -X POST {}", quoted(plain(url)?.as_str()));
    for (name, value) in &simulated.headers {
        line += &format!(" -H {}", quoted(&format!("{name}: {value}")));
    }
    Ok(line + &format!(" --data-binary {}", quoted(&simulated.body)))
}

impl Simulated {
    /// Is this the answer that the scenario calls for, to the byte?
    pub fn is_answered_by(&self, answer: &Answer) -> bool {
        match self.expected {
            Expected::Accepted => {
                let accept = self.provider.accept();
                answer.status == accept.status && answer.body == accept.body
            }
            Expected::Rejected => {
                (400..500).contains(&answer.status) && answer.body == self.provider.reject().body
            }
        }
    }
}

/// A whole url, without TLS: an ingress speaks none, and answers at no bare address.
fn plain(url: &str) -> Result<reqwest::Url, SendError> {
    let whole = |parsed: &reqwest::Url| parsed.scheme() == "http" && parsed.path().len() > 1;
    let parsed = reqwest::Url::parse(url).ok().filter(whole);
    parsed.ok_or_else(|| SendError::Url { url: url.to_owned() })
}

/// One word of a shell, whatever it holds. Source: POSIX.1-2017, Shell Command Language §2.2.2.
fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', r"'\''"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use shared::provider::Provider;

    fn simulated() -> Simulated {
        let headers = vec![("content-type", "text/plain".to_owned()), ("x-id", "1".to_owned())];
        let body = "it's ü".to_owned();
        Simulated { provider: Provider::Alipay, headers, body, expected: Expected::Accepted }
    }

    #[test]
    fn a_printed_request_is_whole() {
        let text = raw("http://127.0.0.1:8080/notify/a?b=c", &simulated()).unwrap();
        let expected = "POST /notify/a?b=c HTTP/1.1\r\nhost: 127.0.0.1:8080\r\n\
            content-type: text/plain\r\nx-id: 1\r\ncontent-length: 7\r\n\r\nit's ü";
        assert_eq!(text, expected);
        for url in ["https://h/notify/a", "http://127.0.0.1:8080", "http://127.0.0.1:8080/"] {
            assert!(raw(url, &simulated()).is_err(), "{url}");
        }
    }

    #[test]
    fn a_printed_command_survives_the_shell() {
        let line = curl("http://127.0.0.1:1/notify/a", &simulated()).unwrap();
        assert!(line.ends_with(r" -H 'x-id: 1' --data-binary 'it'\''s ü'"), "{line}");
    }

    #[test]
    fn an_answer_is_compared_to_the_byte() {
        let answer = |status, body: &str| Answer { status, body: body.to_owned() };
        assert!(simulated().is_answered_by(&answer(200, "success")));
        assert!(!simulated().is_answered_by(&answer(200, "success\n")));
        let rejected = Simulated { expected: Expected::Rejected, ..simulated() };
        assert!(rejected.is_answered_by(&answer(400, "fail")));
        assert!(!rejected.is_answered_by(&answer(503, "fail")));
    }
}
