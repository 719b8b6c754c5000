//! Each kind of capture, as the programs themselves write it.

use super::*;
use time::macros::datetime;

const BODY: &[u8] = b"{\"a\":\"\xe8\xaf\xad\",\r\n\"b\":\"................................................................\"\n}";

fn parsed(file: &[u8]) -> Capture {
    parse(file, 1, None).unwrap()
}

fn error(file: &[u8]) -> CaptureError {
    parse(file, 1, None).unwrap_err()
}

#[test]
fn raw_http_is_taken_to_the_byte() {
    let head = "POST /notify/shop?a=1&b=%2B HTTP/1.1\r\nHost: x\r\nDate: Mon, 23 Nov 2026 04:00:05 GMT\r\n";
    let raw = [head.as_bytes(), b"X-Sig: a b\r\n\r\n", BODY].concat();
    let capture = parsed(&raw);
    assert_eq!((capture.form, capture.fidelity), (Form::Http, Fidelity::Exact));
    assert_eq!(capture.received.query.as_deref(), Some("a=1&b=%2B"));
    assert_eq!(capture.received.header("x-sig"), Some(&b"a b"[..]));
    assert_eq!(capture.received.body, BODY);
    assert_eq!(capture.at, Some(datetime!(2026-11-23 04:00:05 UTC)));

    // Saved by an editor: other line ends, a mark at the beginning, a line end behind the body.
    let edited = format!("\u{feff}{}Content-Length: 3\n\na=1\n", head.replace('\r', ""));
    assert_eq!(parsed(edited.as_bytes()).received.body, &b"a=1"[..]);
    // Without a stated length, nothing is taken away.
    let edited = format!("{}\na=1\n", head.replace('\r', ""));
    assert_eq!(parsed(edited.as_bytes()).received.body, &b"a=1\n"[..]);
    // A head alone has an empty body; the body may be given.
    assert_eq!(parsed(head.as_bytes()).received.body, &b""[..]);
    let given = parse(head.as_bytes(), 1, Some(Bytes::from_static(BODY))).unwrap();
    assert_eq!(given.received.body, BODY);
}

#[test]
fn chunks_are_joined() {
    let head = b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n";
    let chunks = |text: &[u8]| parse(&[head, text].concat(), 1, None).map(|c| c.received.body);
    assert_eq!(chunks(b"3\r\na=1\r\n2;x=y\r\n&b\r\n0\r\n\r\n").unwrap(), &b"a=1&b"[..]);
    for broken in [&b""[..], b"3\r\na", b"zz\r\n", b"3\r\na=1\r\n"] {
        assert_eq!(chunks(broken), Err(CaptureError::Chunks));
    }
    assert!(chunks(b"ffffffffffff\r\n").is_err());
}

#[test]
fn what_curl_shows_by_its_trace_is_every_byte() {
    let trace = include_bytes!("tests/trace.txt");
    let capture = parsed(trace);
    assert_eq!((capture.form, capture.fidelity), (Form::Curl, Fidelity::Exact));
    assert_eq!(capture.received.body, BODY);
    assert_eq!(capture.received.header("content-type"), Some(&b"application/json"[..]));
    assert_eq!(capture.at, Some(datetime!(2026-11-23 19:18:31 UTC)));
}

#[test]
fn what_curl_shows_in_letters_is_every_letter_of_ascii() {
    let trace = include_bytes!("tests/trace_ascii.txt");
    let capture = parsed(trace);
    assert_eq!((capture.form, capture.fidelity), (Form::Curl, Fidelity::LettersLost));
    let shown: Vec<u8> = BODY
        .iter()
        .enumerate()
        .map(|(at, byte)| match byte {
            b'\r' | b'\n' if at < 15 => *byte,
            b' '..=b'~' => *byte,
            _ => b'.',
        })
        .collect();
    assert_eq!(capture.received.body, shown);
    assert_eq!(capture.at, Some(datetime!(2026-11-23 19:18:31 UTC)));
    let given = parse(trace, 1, Some(Bytes::from_static(BODY))).unwrap();
    assert_eq!((given.received.body.as_ref(), given.fidelity), (BODY, Fidelity::Exact));
}

#[test]
fn what_curl_says_aloud_has_no_body_unless_somebody_put_it_there() {
    let verbose = include_str!("tests/verbose.txt");
    assert_eq!(error(verbose.as_bytes()), CaptureError::NoBody("`curl -v`"));
    let given = parse(verbose.as_bytes(), 1, Some(Bytes::from_static(BODY))).unwrap();
    assert_eq!(given.received.query.as_deref(), Some("a=1"));
    assert_eq!(given.received.header("host"), Some(&b"127.0.0.1:18099"[..]));
    assert_eq!(given.at, Some(datetime!(2026-11-23 19:18:31 UTC)));
    let pasted = verbose.replace("} [85 bytes data]\n", "a=1&b=2\n");
    assert_eq!(parsed(pasted.as_bytes()).received.body, &b"a=1&b=2"[..]);
}

fn har(post_data: &str) -> String {
    format!(
        r#"{{"log":{{"version":"1.2","entries":[
            {{"startedDateTime":"2026-11-23T12:00:05.123+08:00","time":1,
             "request":{{"method":"POST","url":"https://x/notify/shop?a=1#f","httpVersion":"h2",
              "headers":[{{"name":":authority","value":"x"}},{{"name":"X-Sig","value":"é"}}],
              "postData":{post_data}}},
             "response":{{"status":401,"headers":[{{"name":"Date","value":"x"}}]}}}},
            {{"request":{{"url":"https://x/","headers":[{{"name":"date","value":"Mon, 23 Nov 2026 04:00:05 GMT"}}],
              "postData":{{"mimeType":"","text":"second"}}}}}},
            {{"request":{{"url":"https://x/"}}}}]}}}}"#
    )
}

#[test]
fn a_har_file_holds_text_base64_or_pairs() {
    for (post_data, body) in [
        (r#"{"mimeType":"application/json","text":"{\"a\":\"语\\/\"}"}"#, "{\"a\":\"语\\/\"}"),
        (r#"{"mimeType":"x","encoding":"base64","text":"YT0xJmI9Mg=="}"#, "a=1&b=2"),
        (
            r#"{"mimeType":"x","params":[{"name":"a","value":"1 2+é*"},{"name":"b"}]}"#,
            "a=1+2%2B%C3%A9*&b=",
        ),
        (r#"{"mimeType":"x","text":"","params":[{"name":"a","value":"1"}]}"#, "a=1"),
    ] {
        let capture = parsed(har(post_data).as_bytes());
        assert_eq!(capture.form, Form::Har);
        assert_eq!(capture.received.body, body.as_bytes());
        assert_eq!(capture.received.headers, [("X-Sig".to_owned(), "é".as_bytes().to_vec())]);
        assert_eq!(capture.received.query.as_deref(), Some("a=1"));
        assert_eq!(capture.at, Some(datetime!(2026-11-23 04:00:05.123 UTC)));
    }
}

#[test]
fn an_entry_of_a_har_file_is_chosen_by_its_number() {
    let file = har("{}");
    let entry = |number| parse(file.as_bytes(), number, None);
    let second = entry(2).unwrap();
    assert_eq!(second.received.body, &b"second"[..]);
    assert_eq!(second.at, Some(datetime!(2026-11-23 04:00:05 UTC)));
    assert_eq!(entry(3).unwrap_err(), CaptureError::NoBody("the HAR entry"));
    for number in [0, 4] {
        assert_eq!(entry(number).unwrap_err(), CaptureError::Entry(3));
    }
}

#[test]
fn what_is_no_capture_is_refused_with_what_to_do() {
    assert_eq!(error(b" \n"), CaptureError::Empty);
    for text in [&b"app_id=1&sign=x"[..], b"GET / FTP\r\n\r\n", b"\x00\x01", b"<xml>"] {
        assert_eq!(error(text), CaptureError::Unknown, "{}", String::from_utf8_lossy(text));
    }
    assert!(matches!(error(b"POST / HTTP/1.1\r\nbad header\r\n\r\n"), CaptureError::Head(_)));
    for text in [&b"{"[..], b"{}", b"{\"log\":1}"] {
        assert!(matches!(error(text), CaptureError::Har(_)));
    }
    assert_eq!(error(b"{\"log\":{\"entries\":[]}}"), CaptureError::Entry(0));
    let large = [b"POST / HTTP/1.1\r\n\r\n", &vec![b'x'; BODY_MAX_BYTES + 1][..]].concat();
    assert_eq!(error(&large), CaptureError::TooLarge);
}
