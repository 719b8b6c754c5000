//! Marks that a corruption leaves where nothing can be undone any more: they make a cause likely.

use super::super::{Headers, Received};
use super::cause::Cause;

/// How a compressed body begins. Source: RFC 1952 §2.3.1.
const GZIP: &[u8] = b"\x1f\x8b";
/// U+FFFD, which stands for letters that were lost, and as a form escapes it.
const REPLACEMENTS: [&[u8]; 3] = [b"\xef\xbf\xbd", b"%EF%BF%BD", b"%ef%bf%bd"];
/// Entities that no provider sends by itself, and as a form escapes them.
const ENTITIES: [&[u8]; 6] =
    [b"&quot;", b"&#34;", b"&#039;", b"%26quot%3B", b"%26quot%3b", b"%26%2334%3B"];
/// The payer of Alipay's sandbox, PayPal's sandbox, and the authority of UnionPay's test system.
const SANDBOXES: [&[u8]; 4] =
    [b"@sandbox.com", b"%40sandbox.com", b"api.sandbox.paypal.com", b"CFCA TEST OCA1"];
/// What WeChat Pay's deliberately wrong signatures begin with. Source: pay.weixin.qq.com, 4012075420.
const PROBE: &[u8] = b"WECHATPAY/SIGNTEST/";

/// Is this the provider's own test whether wrong signatures are refused?
pub(super) fn is_probe(received: &Received, names: &[&str]) -> bool {
    names.iter().any(|name| received.header(name).is_some_and(|value| value.starts_with(PROBE)))
}

/// A body that is not whole, or not the text itself.
pub(super) fn damage(received: &Received) -> Option<(Cause, Option<String>)> {
    let body = &received.body[..];
    let stated_encoding = received.header("content-encoding");
    if stated_encoding.is_some() || body.starts_with(GZIP) {
        let detail =
            if body.starts_with(GZIP) { Some("the body is gzip".to_owned()) } else { None };
        return Some((Cause::ContentEncoding, detail));
    }
    let stated = received.header("content-length").and_then(|text| std::str::from_utf8(text).ok());
    let length = stated.and_then(|text| text.trim().parse::<usize>().ok());
    let length = length.filter(|length| body.len() < *length)?;
    Some((Cause::Truncated, Some(format!("{} of {length} bytes", body.len()))))
}

/// Letters that were lost or replaced.
pub(super) fn corruption(received: &Received) -> Option<(Cause, Option<String>)> {
    let body = &received.body[..];
    if REPLACEMENTS.iter().any(|mark| holds(body, mark)) {
        let detail = "letters were lost: they are replacement characters now";
        return Some((Cause::WrongCharset, Some(detail.to_owned())));
    }
    ENTITIES.iter().any(|mark| holds(body, mark)).then_some((Cause::HtmlEscaped, None))
}

/// Does the request look like one of the provider's test system?
pub(super) fn is_of_a_sandbox(received: &Received, headers: &Headers) -> bool {
    let in_headers = |mark: &[u8]| headers.iter().any(|(_, value)| holds(value.as_bytes(), mark));
    SANDBOXES.iter().any(|mark| holds(&received.body, mark) || in_headers(mark))
}

fn holds(text: &[u8], mark: &[u8]) -> bool {
    text.windows(mark.len()).any(|window| window == mark)
}
