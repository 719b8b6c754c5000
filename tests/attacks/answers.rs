//! Every row of the contract's table of answers, with its exact body.

use shared::broker::PublishError;

use crate::door::{BODY_LIMIT, Door, FORM, counted};
use crate::sender::{APP_ID, body, genuine, payment, signed, with};

#[tokio::test]
async fn a_genuine_notification_is_answered_with_alipays_seven_bytes() {
    let door = Door::open("accepted").await;
    let sent = genuine();
    let answer = door.post(&sent).await;
    assert_eq!((answer.status, answer.body.as_str()), (200, "success"));
    let parcels = door.enqueued();
    assert_eq!(parcels.len(), 1);
    assert_eq!(parcels[0].body, sent, "the provider's bytes, untouched");
    assert_eq!(parcels[0].kind, "alipay");
    assert_eq!(parcels[0].text("quittance-account"), Some("accepted"));
    assert_eq!(door.counted(""), 1);
}

#[tokio::test]
async fn a_repeat_is_answered_with_success_too_and_is_a_message_of_its_own() {
    let door = Door::open("repeated").await;
    let sent = genuine();
    for _ in 0..2 {
        assert_eq!(door.post(&sent).await.body, "success");
    }
    let parcels = door.enqueued();
    assert_eq!(parcels.len(), 2);
    assert_ne!(parcels[0].id, parcels[1].id);
}

#[tokio::test]
async fn what_is_not_genuine_is_401_and_what_is_no_form_is_400() {
    let door = Door::open("rejected").await;
    let forged = body(&with(signed(payment()), "total_amount", b"0.01"));
    let answer = door.post(&forged).await;
    door.rejected(&answer, 401, ("forged", 1));
    assert_eq!(answer.body, "fail");
    let foreign = body(&signed(with(payment(), "app_id", b"2021000000000002")));
    assert_ne!(APP_ID, "2021000000000002");
    door.rejected(&door.post(&foreign).await, 401, ("not_ours", 1));
    door.rejected(&door.post(b"a=%zz").await, 400, ("malformed", 1));
    door.rejected(&door.post(b"").await, 400, ("malformed", 2));
}

#[tokio::test]
async fn an_account_that_nobody_configured_is_404_with_nothing_in_it() {
    let door = Door::open("known").await;
    for path in ["/notify/unknown", "/notify/KNOWN", "/notify/known%20", "/notify/", "/notify", "/"]
    {
        let length = genuine().len();
        let headers = format!("{FORM}content-length: {length}\r\n");
        let answer = door.send("POST", path, &headers, &genuine()).await;
        assert_eq!((answer.status, answer.body.as_str()), (404, ""), "{path}");
    }
    assert_eq!(door.enqueued(), []);
    assert!(counted("unknown", "unknown_account") >= 3);
}

#[tokio::test]
async fn any_method_but_post_is_405_and_told_what_is_allowed() {
    let door = Door::open("methods").await;
    for method in ["GET", "HEAD", "PUT", "DELETE", "OPTIONS", "PATCH", "TRACE", "BREW"] {
        let answer = door.send(method, &door.path(), "content-length: 0\r\n", b"").await;
        assert_eq!((answer.status, answer.body.as_str()), (405, ""), "{method}");
        assert!(answer.head.contains("\r\nallow: post"), "{method}: {}", answer.head);
    }
}

#[tokio::test]
async fn a_length_beyond_the_limit_is_413_before_a_byte_of_it_is_read() {
    let door = Door::open("long").await;
    let headers = format!("{FORM}content-length: {}\r\n", BODY_LIMIT + 1);
    let answer = door.send("POST", &door.path(), &headers, b"").await;
    door.rejected(&answer, 413, ("too_large", 1));
}

#[tokio::test]
async fn a_chunked_body_beyond_the_limit_is_413_though_it_never_ends() {
    let door = Door::open("chunked").await;
    let headers = format!("{FORM}transfer-encoding: chunked\r\n");
    let chunk = format!("{:x}\r\n{}", BODY_LIMIT + 1, "a".repeat(BODY_LIMIT + 1));
    let answer = door.send("POST", &door.path(), &headers, chunk.as_bytes()).await;
    door.rejected(&answer, 413, ("too_large", 1));
}

#[tokio::test]
async fn a_chunked_body_within_the_limit_is_as_good_as_any() {
    let door = Door::open("chunks").await;
    let sent = genuine();
    let (first, second) = sent.split_at(sent.len() / 2);
    let mut chunks = vec![];
    for part in [first, second, b""] {
        chunks.extend_from_slice(format!("{:x}\r\n", part.len()).as_bytes());
        chunks.extend_from_slice(part);
        chunks.extend_from_slice(b"\r\n");
    }
    let headers = format!("{FORM}transfer-encoding: chunked\r\n");
    let answer = door.send("POST", &door.path(), &headers, &chunks).await;
    assert_eq!((answer.status, door.enqueued().len()), (200, 1));
}

#[tokio::test]
async fn a_body_that_does_not_come_is_given_up() {
    let door = Door::open("slow").await;
    let headers = format!("{FORM}content-length: {}\r\n", genuine().len());
    let answer = door.send("POST", &door.path(), &headers, b"app_id=").await;
    door.rejected(&answer, 408, ("too_slow", 1));
}

#[tokio::test]
async fn a_body_that_breaks_off_is_400_and_never_enqueued() {
    let door = Door::open("broken").await;
    let sent = genuine();
    let head = format!(
        "POST {} HTTP/1.1\r\nhost: localhost\r\n{FORM}content-length: {}\r\n\r\n",
        door.path(),
        sent.len() + 1
    );
    let answer = door.raw(&[head.as_bytes(), &sent].concat(), true).await;
    door.rejected(&answer, 400, ("broken", 1));
}

#[tokio::test]
async fn what_the_broker_did_not_take_is_503_so_that_it_is_sent_again() {
    let refusals = [
        ("unreachable", PublishError::Unreachable),
        ("blocked", PublishError::Blocked),
        ("timed_out", PublishError::TimedOut),
        ("lost", PublishError::Lost),
        ("refused", PublishError::Refused),
        ("unroutable", PublishError::Unroutable),
        ("unsafe_topology", PublishError::Unsafe("a classic queue".into())),
        ("too_long", PublishError::TooLong),
    ];
    for (reason, refusal) in refusals {
        let door = Door::refusing(reason, refusal).await;
        door.rejected(&door.post(&genuine()).await, 503, (reason, 1));
        assert_eq!(door.counted(""), 0, "nothing is counted as accepted");
    }
}

#[tokio::test]
async fn the_answers_to_all_forgeries_are_the_same_bytes() {
    let door = Door::open("silent").await;
    let answers = [
        door.post(&body(&with(signed(payment()), "total_amount", b"0.01"))).await,
        door.post(&body(&signed(with(payment(), "app_id", b"1")))).await,
        door.post(&body(&with(signed(payment()), "sign_type", b"RSA"))).await,
        door.post(&body(&payment())).await,
    ];
    let undated = answers.map(|answer| {
        let lines = answer.head.lines().filter(|line| !line.starts_with("date:"));
        (answer.status, lines.map(ToOwned::to_owned).collect::<Vec<_>>(), answer.body)
    });
    assert!(undated.iter().all(|answer| *answer == undated[0]), "{undated:?}");
}
