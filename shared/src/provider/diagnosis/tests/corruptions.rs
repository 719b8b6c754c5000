//! What happens to a request on the way, written down once more and the other way round.

use Provider::{Adyen, Alipay, PayPal, StandardWebhooks, Stripe, UnionPay, WechatPay, WechatPayV2};

use crate::provider::form::{Form, encode};
use crate::provider::{Provider, Received};

use super::super::Cause;

/// What is done, what it must be called, and the providers whose requests it breaks.
pub(super) struct Corruption {
    pub(super) cause: Cause,
    pub(super) of: &'static [Provider],
    pub(super) corrupt: fn(&Received) -> Received,
}

const ALL: &[Provider] = Provider::ALL;
const FORMS: &[Provider] = &[Alipay, UnionPay];
/// Those whose signature covers the JSON text.
const JSON: &[Provider] = &[WechatPay, Stripe, PayPal, StandardWebhooks];
/// Those of whose JSON the order of keys is known.
const KNOWN_ORDER: &[Provider] = &[WechatPay, Stripe];
const HEADERS: &[Provider] = JSON;

macro_rules! corruptions {
    ($($cause:ident $of:expr, $corrupt:expr;)+) => {
        pub(super) const CORRUPTIONS: &[Corruption] =
            &[$(Corruption { cause: Cause::$cause, of: $of, corrupt: $corrupt }),+];
    };
}

corruptions! {
    HtmlEscaped FORMS, |genuine| form_of(genuine, |_, value| html(value));
    HtmlEscaped FORMS, |genuine| form_of(genuine, |_, value| html(&html(value)));
    HtmlEscaped &[WechatPay, Stripe, PayPal, StandardWebhooks, Adyen, WechatPayV2], |genuine| genuine.with_body(html(&genuine.body));
    SlashesAdded FORMS, |genuine| form_of(genuine, |_, value| replaced(value, "\"", "\\\""));
    SlashesAdded JSON, |genuine| {
        genuine.with_body(replaced(&replaced(&genuine.body, "\\", "\\\\"), "\"", "\\\""))
    };
    DecodedTwice FORMS, |genuine| genuine.with_body(decoded(&genuine.body));
    DecodedTwice FORMS, |genuine| form_of(genuine, |_, value| decoded_component(value));
    EncodedTwice FORMS, |genuine| form_of(genuine, |_, value| form_component(value));
    EncodedTwice FORMS, |genuine| {
        form_of(genuine, |_, value| replaced(&form_component(value), "+", "%20"))
    };
    EncodedTwice FORMS, |genuine| genuine.with_body(form_component(&genuine.body));
    PlusLost FORMS, |genuine| form_of(genuine, |_, value| replaced(value, "+", " "));
    PlusLost FORMS, |genuine| {
        form_of(genuine, |key, value| match key {
            "sign" | "signature" => replaced(value, "+", " "),
            _ => value.to_vec(),
        })
    };
    ParametersMerged FORMS, |genuine| appended(genuine, b"&_route=notify");
    ParametersMerged FORMS, |genuine| appended(genuine, b"&s=%2Fnotify%2Fours&controller=pay");
    ParametersMerged JSON, |genuine| {
        let body = genuine.body.strip_suffix(b"}").unwrap_or_default();
        genuine.with_body([body, b",\"_account\":\"ours\"}"].concat())
    };
    ParametersMerged &[WechatPayV2], |genuine| {
        genuine.with_body(replaced(&genuine.body, "</xml>", "<s>/notify/ours</s></xml>"))
    };
    ParametersInQuery FORMS, |genuine| {
        let query = String::from_utf8(genuine.body.to_vec()).ok();
        Received { query, ..genuine.with_body("") }
    };
    TrailingNewline FORMS, |genuine| appended(genuine, b"\n");
    TrailingNewline JSON, |genuine| appended(genuine, b"\n");
    TrailingNewline JSON, |genuine| appended(genuine, b"\r\n");
    ByteOrderMark ALL, |genuine| {
        genuine.with_body([b"\xef\xbb\xbf", &genuine.body[..]].concat())
    };
    LineEndings FORMS, |genuine| form_of(genuine, |_, value| replaced(value, "\r\n", "\n"));
    LineEndings &[Stripe], |genuine| genuine.with_body(replaced(&genuine.body, "\n", "\r\n"));
    WrongCharset &[WechatPay, Stripe, PayPal, StandardWebhooks, Adyen, WechatPayV2], |genuine| {
        genuine.with_body(encoding_rs::WINDOWS_1252.decode(&genuine.body).0.into_owned())
    };
    WrongCharset FORMS, |genuine| {
        form_of(genuine, |_, v| encoding_rs::WINDOWS_1252.decode(v).0.into_owned().into_bytes())
    };
    WrongCharset FORMS, |genuine| {
        form_of(genuine, |_, value| {
            let text = String::from_utf8_lossy(value);
            encoding_rs::GBK.encode(&text).0.into_owned()
        })
    };
    JsonReserialised KNOWN_ORDER, |genuine| {
        let value: serde_json::Value = serde_json::from_slice(&genuine.body).unwrap_or_default();
        genuine.with_body(value.to_string())
    };
    JsonReserialised KNOWN_ORDER, |genuine| {
        let value: serde_json::Value = serde_json::from_slice(&genuine.body).unwrap_or_default();
        genuine.with_body(serde_json::to_vec_pretty(&value).unwrap_or_default())
    };
    JsonReserialised JSON, |genuine| {
        genuine.with_body(replaced(&replaced(&genuine.body, "\",\"", "\", \""), "\":", "\": "))
    };
    JsonReserialised JSON, |genuine| genuine.with_body(replaced(&genuine.body, "/", "\\/"));
    JsonReserialised JSON, |genuine| {
        let text = replaced(&replaced(&genuine.body, "语", "\\u8bed"), "雀", "\\u96c0");
        genuine.with_body(replaced(&replaced(&text, "<", "\\u003c"), ">", "\\u003e"))
    };
    ContentEncoding ALL, |genuine| {
        genuine.with_header("Content-Encoding", b"gzip")
    };
    ContentType &[Alipay, UnionPay, WechatPay, Stripe, PayPal, Adyen, WechatPayV2], |genuine| {
        genuine.with_header("Content-Type", b"text/plain")
    };
    HeaderLost HEADERS, |genuine| {
        let stays = |(name, _): &&(String, Vec<u8>)| name == "content-type";
        let headers = genuine.headers.iter().filter(stays).cloned();
        Received { headers: headers.collect(), ..genuine.clone() }
    };
    HeaderLost &[WechatPay], |genuine| genuine.without("wechatpay-serial");
    HeaderRenamed HEADERS, |genuine| renamed(genuine, |name| {
        format!("HTTP_{}", name.to_uppercase().replace('-', "_"))
    });
    HeaderRenamed HEADERS, |genuine| renamed(genuine, |name| format!("x-original-{name}"));
    HeaderRepeated HEADERS, |genuine| {
        let headers = [&genuine.headers[..], &genuine.headers[..]].concat();
        Received { headers, ..genuine.clone() }
    };
    HeaderRepeated &[WechatPay], |genuine| {
        let value = genuine.header("wechatpay-signature").unwrap_or_default();
        genuine.with_header("wechatpay-signature", &[value, b", ", value].concat())
    };
    PlusLost &[WechatPay], |genuine| {
        let value = genuine.header("wechatpay-signature").unwrap_or_default();
        genuine.with_header("wechatpay-signature", &replaced(value, "+", " "))
    };
    WrongSerial &[WechatPay], |genuine| genuine.with_header("wechatpay-serial", b"5157F09EFDC096DE");
    SignType &[Alipay], |genuine| form_of(genuine, |key, value| match key {
        "sign_type" => b"RSA".to_vec(),
        _ => value.to_vec(),
    });
    SignType &[WechatPay], |genuine| {
        genuine.with_header("wechatpay-signature-type", b"WECHATPAY2-SM2-WITH-SM3")
    };
    Unsigned &[Alipay], |genuine| form_of(genuine, |key, value| match key {
        "sign" => vec![],
        _ => value.to_vec(),
    });
    Malformed &[Alipay], |genuine| genuine.with_body("sign=%zz");
    Malformed &[WechatPayV2], |genuine| genuine.with_body("<xml>");
}

/// The first of this cause.
pub(super) fn named(cause: Cause) -> &'static Corruption {
    CORRUPTIONS.iter().find(|one| one.cause == cause).unwrap()
}

/// A digit of the body becomes another: nothing on the way does that.
pub(super) fn one_byte_changed(genuine: &Received) -> Received {
    let mut body = genuine.body.to_vec();
    let text = String::from_utf8_lossy(&genuine.body);
    let at = ["20.00", "2000", "3119dfba"].iter().find_map(|number| text.find(number)).unwrap();
    body[at] = b'9';
    genuine.with_body(body)
}

/// The form with its values changed, and escaped as it must be.
pub(super) fn form_of(genuine: &Received, change: impl Fn(&str, &[u8]) -> Vec<u8>) -> Received {
    let form = Form::parse(&genuine.body).unwrap();
    let pairs = form.iter().map(|(key, value)| {
        let key = String::from_utf8_lossy(key).into_owned();
        let value = change(&key, value);
        (key, value)
    });
    let pairs: Vec<_> = pairs.collect();
    genuine.with_body(encode(pairs.iter().map(|(key, value)| (key.as_str(), value.as_slice()))))
}

fn appended(genuine: &Received, end: &[u8]) -> Received {
    genuine.with_body([&genuine.body[..], end].concat())
}

fn renamed(genuine: &Received, rename: impl Fn(&str) -> String) -> Received {
    let headers = genuine.headers.iter().map(|(name, value)| {
        let is_own = !name.eq_ignore_ascii_case("content-type");
        (if is_own { rename(name) } else { name.clone() }, value.clone())
    });
    Received { headers: headers.collect(), ..genuine.clone() }
}

fn html(text: &[u8]) -> Vec<u8> {
    let entities = [("&", "&amp;"), ("\"", "&quot;"), ("<", "&lt;"), (">", "&gt;")];
    entities.iter().fold(text.to_vec(), |text, (letter, entity)| replaced(&text, letter, entity))
}

fn replaced(text: &[u8], from: &str, to: &str) -> Vec<u8> {
    String::from_utf8_lossy(text).replace(from, to).into_bytes()
}

/// As forms escape a value.
fn form_component(value: &[u8]) -> Vec<u8> {
    encode([("", value)]).into_bytes().split_off(1)
}

/// A whole body, decoded as a form and sent on as it is.
fn decoded(body: &[u8]) -> Vec<u8> {
    decoded_component(&replaced(body, "+", "%20"))
}

/// Percent escapes alone, as `decodeURIComponent` decodes them; a bad one stays.
fn decoded_component(text: &[u8]) -> Vec<u8> {
    let (mut out, mut rest) = (vec![], text);
    while let Some((first, after)) = rest.split_first() {
        let digits = after.get(..2).and_then(|digits| std::str::from_utf8(digits).ok());
        match digits.and_then(|digits| u8::from_str_radix(digits, 16).ok()) {
            Some(byte) if *first == b'%' => {
                out.push(byte);
                rest = &after[2..];
            }
            Some(_) | None => {
                out.push(*first);
                rest = after;
            }
        }
    }
    out
}
