//! The payer's page at the real door: what it tells; and in `forged` what a link that proves nothing gets
//! out of it.

mod forged;

use shared::event::{OrderNews, OrderSnapshot};
use shared::money::Currency;
use shared::order::{Mode, OrderStatus};
use shared::process::now;

use crate::door::{Answer, Door};
use crate::sender::{Pairs, body, return_link, signed, with};

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
        mode: Mode::Live,
        status,
        amount: 2000,
        currency: Currency::CNY,
        paid_amount: 2000,
        refunded_amount: 0,
        entitled,
        numbers: vec!["A-1".to_owned()],
        subscription_no: None,
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
