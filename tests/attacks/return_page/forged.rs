//! What a forged link gets out of the page: nothing of itself.

use shared::process::now;

use super::{CHINESE, ENGLISH, is_harmless, link, paid, query};
use crate::door::{Door, FORM};
use crate::sender::{KEYS, genuine, return_link, sealed, signed, with, without};

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
    assert_eq!(page.status, 400);
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
