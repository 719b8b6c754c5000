//! The payer's page at the real door: what it tells, and what a forged link gets out of it.

use shared::event::{OrderNews, OrderSnapshot};
use shared::money::Currency;
use shared::order::OrderStatus;
use shared::process::now;

use crate::door::{Answer, Door, FORM};
use crate::sender::{KEYS, Pairs, body, genuine, return_link, sealed, signed, with, without};

const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; \
                      base-uri 'none'; form-action 'none'; frame-ancestors 'none'";
const ENGLISH: &str = "accept-language: en\r\n";
const CHINESE: &str = "accept-language: zh-CN,zh;q=0.9,en;q=0.8\r\n";

fn query(pairs: &Pairs) -> String {
    String::from_utf8(body(pairs)).unwrap()
}

fn link() -> String {
    query(&signed(return_link()))
}

fn news(sequence: i64, status: OrderStatus, entitled: bool) -> OrderNews {
    let order = OrderSnapshot {
        order_no: "ORDER-1".to_owned(),
        status,
        amount: 2000,
        currency: Currency::CNY,
        paid_amount: 2000,
        refunded_amount: 0,
        entitled,
        numbers: vec!["A-1".to_owned()],
    };
    OrderNews { sequence, order }
}

fn paid() -> OrderNews {
    news(1, OrderStatus::Paid, true)
}

/// It must bear every header that keeps it harmless.
fn is_harmless(answer: &Answer) {
    for header in [
        "cache-control: no-store",
        "referrer-policy: no-referrer",
        "x-content-type-options: nosniff",
        "x-frame-options: deny",
        &format!("content-security-policy: {POLICY}").to_lowercase(),
    ] {
        let lines = answer.head.lines().filter(|line| *line == header);
        assert_eq!(lines.count(), 1, "{header} in {}", answer.head);
    }
}

#[tokio::test]
async fn a_proven_link_shows_its_order_and_that_it_is_awaited() {
    let door = Door::open("shown").await;
    for (headers, heading, language) in
        [(ENGLISH, "Confirming your payment", "en"), (CHINESE, "正在确认付款", "zh-Hans")]
    {
        let page = door.come_back(&link(), headers).await;
        assert_eq!(page.status, 200);
        is_harmless(&page);
        assert!(page.head.contains(&format!("content-language: {}", language.to_lowercase())));
        assert!(page.head.contains("vary: accept-language"));
        for part in [
            &format!("<html lang=\"{language}\">"),
            &format!("<title>{heading}</title>"),
            "<main data-state=\"pending\" data-events=\"shown/events\">",
            "<bdi>A-1</bdi>",
            "20.00 CNY",
            "<noscript><meta http-equiv=\"refresh\" content=\"5;url=shown/again/1?",
            "name=\"viewport\" content=\"width=device-width",
        ] {
            assert!(page.body.contains(part), "{part} in {}", page.body);
        }
        let scripts = page.body.matches("<script").count();
        assert_eq!((scripts, page.body.matches("style=").count()), (1, 0), "nothing is inline");
        assert!(page.body.contains("<script src=\"shown/page.js\" defer></script>"));
    }
    assert_eq!(door.enqueued(), [], "a return fulfils nothing");
}

#[tokio::test]
async fn an_order_that_settled_before_its_payer_came_back_is_confirmed_at_once() {
    let door = Door::open("settled").await;
    door.standings.note(paid(), now());
    let page = door.come_back(&link(), ENGLISH).await;
    assert!(page.body.contains("<main data-state=\"confirmed\""), "{}", page.body);
    assert!(page.body.contains("<title>Payment confirmed</title>"));
    assert!(!page.body.contains("http-equiv=\"refresh\""), "there is nothing to wait for");
    for (sequence, status, state) in
        [(2, OrderStatus::Refunded, "refunded"), (3, OrderStatus::Cancelled, "cancelled")]
    {
        door.standings.note(news(sequence, status, false), now());
        let page = door.come_back(&link(), ENGLISH).await;
        assert!(page.body.contains(&format!("<main data-state=\"{state}\"")));
    }
}

#[tokio::test]
async fn another_amount_than_the_orders_is_not_confirmed() {
    let door = Door::open("less").await;
    door.standings.note(paid(), now());
    let less = query(&signed(with(return_link(), "total_amount", b"0.01")));
    let page = door.come_back(&less, ENGLISH).await;
    assert!(page.body.contains("<main data-state=\"pending\""), "{}", page.body);
}

#[tokio::test]
async fn a_page_without_script_is_loaded_anew_a_bounded_number_of_times() {
    let door = Door::open("anew").await;
    let load = async |count: &str| {
        let path = format!("/return/anew/again/{count}?{}", link());
        door.send("GET", &path, ENGLISH, b"").await
    };
    let second = load("1").await;
    assert!(second.body.contains("url=../again/2?"), "{}", second.body);
    assert!(second.body.contains("href=\"../page.css\""));
    assert!(second.body.contains("data-events=\"../events\""));
    assert!(load("23").await.body.contains("url=../again/24?"));
    for count in ["24", "65535"] {
        let last = load(count).await;
        assert!(last.body.contains("<main data-state=\"late\""), "{}", last.body);
        assert!(!last.body.contains("http-equiv=\"refresh\""));
        assert!(last.body.contains("<a href=\"../../anew?"), "a payer may look again");
    }
    for count in ["-1", "65536", "x"] {
        assert_eq!(load(count).await.status, 404, "{count}");
    }
}

/// Links that prove nothing, each with a word in it that must not be shown.
fn forged() -> Vec<String> {
    let mut links: Vec<String> = [
        with(signed(return_link()), "out_trade_no", b"EVIL-1"),
        with(signed(return_link()), "total_amount", b"6666.00"),
        sealed(with(return_link(), "out_trade_no", b"EVIL-1"), b"EVIL-1", &KEYS[2]),
        with(signed(return_link()), "EVIL", b"<script>alert('EVIL')</script>"),
        signed(with(return_link(), "app_id", b"2021000000006666")),
        signed(with(return_link(), "seller_id", b"2088000000006666")),
        signed(with(without(return_link(), "total_amount"), "total_amount", b"6666.001")),
        without(with(return_link(), "out_trade_no", b"EVIL-1"), "sign"),
    ]
    .iter()
    .map(query)
    .collect();
    links.push(format!("{}&out_trade_no=EVIL-1", link()));
    links.push("EVIL=%zz".to_owned());
    links.push("EVIL".to_owned());
    links.push(String::new());
    links.push(format!("{}&EVIL={}", link(), "x".repeat(17 * 1024)));
    links
}

#[tokio::test]
async fn a_forged_link_shows_nothing_of_itself() {
    let door = Door::open("forged").await;
    door.standings.note(paid(), now());
    let mut pages = vec![];
    for link in forged() {
        let page = door.come_back(&link, ENGLISH).await;
        is_harmless(&page);
        assert_eq!(page.status, 400, "{link}");
        for word in ["EVIL", "6666", "A-1", "20.00", "?", "confirmed", "<script", "refresh"] {
            assert!(!page.body.contains(word), "{word} in {}", page.body);
        }
        assert!(page.body.contains("This link cannot be verified"));
        pages.push(page.body);
    }
    pages.dedup();
    assert_eq!(pages.len(), 1, "every refusal is the same page");
    let page = door.come_back("", CHINESE).await;
    assert!(page.body.contains("无法验证此链接"));
}

#[tokio::test]
async fn a_forged_link_hears_nothing() {
    let door = Door::open("deaf").await;
    door.standings.note(paid(), now());
    for link in forged() {
        let path = format!("/return/deaf/events?{link}");
        let answer = door.send("GET", &path, "", b"").await;
        assert_eq!((answer.status, answer.body.as_str()), (404, ""), "{link}");
        is_harmless(&answer);
    }
}

#[tokio::test]
async fn a_notifications_bytes_are_no_link_and_show_nothing() {
    let door = Door::open("notified").await;
    let page = door.come_back(&String::from_utf8(genuine()).unwrap(), ENGLISH).await;
    is_harmless(&page);
    assert!(page.body.contains("Thank you"), "{}", page.body);
    assert!(!page.body.contains("A-1"));
    let path = format!("/return/notified/events?{}", String::from_utf8(genuine()).unwrap());
    assert_eq!(door.send("GET", &path, "", b"").await.status, 404);
}

#[tokio::test]
async fn an_account_that_nobody_configured_is_not_repeated() {
    let door = Door::open("known_return").await;
    for name in ["EVIL", "%3Cscript%3E", "..", "known_return%00"] {
        let path = format!("/return/{name}?{}", link());
        let page = door.send("GET", &path, ENGLISH, b"").await;
        assert_eq!(page.status, 404, "{name}");
        is_harmless(&page);
        assert!(!page.body.contains(name) && !page.body.contains("A-1"), "{}", page.body);
    }
}

#[tokio::test]
async fn markup_in_a_proven_number_stays_text() {
    let door = Door::open("markup").await;
    let odd =
        signed(with(return_link(), "out_trade_no", "\"><script>x</script>\u{202e}".as_bytes()));
    let page = door.come_back(&query(&odd), ENGLISH).await;
    assert_eq!(page.status, 200);
    assert_eq!(page.body.matches("<script").count(), 1, "{}", page.body);
    assert!(page.body.contains("<bdi>&#34;&#62;&#60;script&#62;"), "{}", page.body);
}

#[tokio::test]
async fn a_stream_tells_the_moment_an_order_settles_and_ends() {
    let door = Door::open("live").await;
    let path = format!("/return/live/events?{}", link());
    let telling = async {
        // Whether it comes before or after the stream begins, it is told.
        door.standings.note(paid(), now());
    };
    let (answer, ()) = tokio::join!(door.send("GET", &path, "", b""), telling);
    assert_eq!(answer.status, 200);
    is_harmless(&answer);
    assert!(answer.head.contains("content-type: text/event-stream"));
    assert!(answer.body.contains("event: standing\ndata: confirmed\n\n"), "{}", answer.body);
    let again = door.send("GET", &path, "", b"").await;
    assert!(again.body.contains("data: confirmed"), "and so it is for whoever comes later");
}

#[tokio::test]
async fn a_stream_without_news_says_that_it_takes_longer_and_ends() {
    let door = Door::open("quiet").await;
    let path = format!("/return/quiet/events?{}", link());
    let answer = door.send("GET", &path, "", b"").await;
    assert!(answer.body.contains("event: standing\ndata: late\n\n"), "{}", answer.body);
}

#[tokio::test]
async fn one_order_has_a_bounded_number_of_streams() {
    let door = Door::open("crowd").await;
    let path = format!("/return/crowd/events?{}", link());
    let streams = (0..12).map(|_| door.send("GET", &path, "", b""));
    let answers = futures_util::future::join_all(streams).await;
    let served = answers.iter().filter(|answer| answer.status == 200).count();
    assert_eq!(served, 8);
    for answer in answers.iter().filter(|answer| answer.status != 200) {
        assert_eq!((answer.status, answer.body.as_str()), (503, ""));
    }
    assert_eq!(door.send("GET", &path, "", b"").await.status, 200, "places are given back");
}

#[tokio::test]
async fn a_posted_form_is_sent_on_to_its_own_link() {
    let door = Door::open("posted").await;
    let form = link().replace("%2D", "-");
    let headers = format!("{FORM}content-length: {}\r\n", form.len());
    let answer = door.send("POST", "/return/posted", &headers, form.as_bytes()).await;
    assert_eq!(answer.status, 303);
    is_harmless(&answer);
    assert!(answer.head.contains(&format!("\r\nlocation: posted?{}", form.to_lowercase())));
    assert!(door.come_back(&form, ENGLISH).await.body.contains("<bdi>A-1</bdi>"));
    for forged in forged() {
        let headers = format!("{FORM}{ENGLISH}content-length: {}\r\n", forged.len());
        let page = door.send("POST", "/return/posted", &headers, forged.as_bytes()).await;
        assert_eq!(page.status, 400);
        assert!(page.body.contains("This link cannot be verified"));
    }
    assert_eq!(door.enqueued(), []);
}

#[tokio::test]
async fn payers_are_sent_on_to_the_configured_place_alone() {
    let door = Door::sending_on("onward", "https://shop.example/done?from=q").await;
    let answer = door.come_back(&link(), ENGLISH).await;
    assert_eq!(answer.status, 303);
    is_harmless(&answer);
    assert!(
        answer.head.contains("\r\nlocation: https://shop.example/done?from=q&order_number=a-1"),
        "{}",
        answer.head
    );
    let odd = with(return_link(), "out_trade_no", b"1#//evil.example/?a=b ");
    let answer = door.come_back(&query(&signed(odd)), ENGLISH).await;
    let escaped = "done?from=q&order_number=1%23%2f%2fevil.example%2f%3fa%3db+\r\n";
    assert!(answer.head.contains(escaped), "{}", answer.head);
    for forged in forged() {
        let answer = door.come_back(&forged, ENGLISH).await;
        assert_eq!((answer.status, answer.body.as_str()), (303, ""));
        let place = answer.head.lines().find(|line| line.starts_with("location: "));
        assert_eq!(place, Some("location: https://shop.example/done?from=q"));
    }
}

#[tokio::test]
async fn a_page_may_be_asked_for_and_posted_to_and_nothing_else() {
    let door = Door::open("asked").await;
    for method in ["PUT", "DELETE", "PATCH", "TRACE", "BREW"] {
        let path = format!("/return/asked?{}", link());
        let answer = door.send(method, &path, "content-length: 0\r\n", b"").await;
        assert_eq!((answer.status, answer.body.as_str()), (405, ""), "{method}");
        assert!(answer.head.contains("\r\nallow: get,head,post"), "{}", answer.head);
    }
}

#[tokio::test]
async fn the_pages_files_are_ours_and_may_be_kept() {
    let door = Door::open("files").await;
    for (name, kind) in [("page.css", "text/css"), ("page.js", "text/javascript")] {
        let file = door.send("GET", &format!("/return/files/{name}"), "", b"").await;
        assert_eq!(file.status, 200);
        assert!(file.head.contains(&format!("content-type: {kind}; charset=utf-8")));
        assert!(file.head.contains("x-content-type-options: nosniff"));
    }
}
