//! The door fetches a certificate, from a server on loopback that stands for PayPal's.

use std::net::SocketAddr;
use std::sync::OnceLock;

use ingress::certificates::Certificates;
use reqwest::{Certificate, Client, ClientBuilder};
use shared::provider::paypal::published::Environment;
use shared::provider::{Account, Scheme};

use super::authority::{DIGICERT, IMPOSTOR, KEYS, LIVE, Published, ok};
use super::sender::{Sent, URL, WEBHOOK_ID, capture, fetching, fetching_under, signed, signed_by};
use crate::door::Door;

const HOST: &str = "api.paypal.com";

/// Declares a client that finds PayPal's host at an address that is set once.
macro_rules! client_to {
    ($name:ident, $address:ident) => {
        static $address: OnceLock<SocketAddr> = OnceLock::new();
        fn $name() -> ClientBuilder {
            let root = Certificate::from_pem(DIGICERT.root.as_bytes()).unwrap();
            let to = *$address.get().unwrap();
            Client::builder().tls_certs_only([root]).resolve(HOST, to).no_proxy()
        }
    };
}

async fn post(door: &Door, sent: &Sent) -> u16 {
    door.post_to("", &sent.lines(), &sent.body).await.status
}

fn scheme() -> Scheme {
    Scheme::PayPal(fetching(Environment::Live))
}

fn chain() -> String {
    DIGICERT.chain(&KEYS[0], LIVE, (-1, 1))
}

#[tokio::test]
async fn the_first_event_fetches_the_certificate_and_no_other_does() {
    client_to!(client, ADDRESS);
    let published = Published::answering(HOST, ok(&chain())).await;
    ADDRESS.set(published.address).unwrap();
    let door = Door::fetching("pp-fetched", scheme(), client).await;
    let sent = signed(&capture());
    let (one, other) = tokio::join!(post(&door, &sent), post(&door, &sent));
    assert_eq!((one, other, post(&door, &sent).await), (200, 200, 200));
    assert_eq!((published.asked(), door.enqueued().len()), (1, 3));
    let forged = signed_by(capture().to_string(), &KEYS[1], WEBHOOK_ID, shared::process::now());
    assert_eq!(post(&door, &forged).await, 401);
    assert_eq!((published.asked(), door.counted("forged")), (1, 1));
}

#[tokio::test]
async fn what_cannot_be_trusted_is_fetched_once_and_not_again() {
    client_to!(client, ADDRESS);
    let chain = IMPOSTOR.chain(&KEYS[1], LIVE, (-1, 1));
    let published = Published::answering(HOST, ok(&chain)).await;
    ADDRESS.set(published.address).unwrap();
    let door = Door::fetching("pp-untrusted", scheme(), client).await;
    let forged = signed_by(capture().to_string(), &KEYS[1], WEBHOOK_ID, shared::process::now());
    for times in 1..4 {
        let answer = door.post_to("", &forged.lines(), &forged.body).await;
        door.rejected(&answer, 401, ("unknown_key", times));
    }
    assert_eq!(published.asked(), 1);
}

#[tokio::test]
async fn an_account_with_a_wrong_root_holds_up_no_other() {
    client_to!(client, ADDRESS);
    let published = Published::answering(HOST, ok(&chain())).await;
    ADDRESS.set(published.address).unwrap();
    let certificates = Certificates::new(client);
    let account = |name: &str, authority: &str| {
        let scheme = Scheme::PayPal(fetching_under(authority, Environment::Live));
        Account { name: name.to_owned(), scheme }
    };
    let wrong = account("wrong", &IMPOSTOR.root);
    let right = account("right", &DIGICERT.root);
    let (sent, now) = (signed(&capture()), shared::process::now());
    for (account, is_taken, asked) in [(&wrong, false, 1), (&right, true, 2), (&wrong, false, 2)] {
        let verified = certificates.verify(account, sent.request().unwrap(), now).await;
        assert_eq!((verified.is_ok(), published.asked()), (is_taken, asked), "{}", account.name);
    }
}

#[tokio::test]
async fn a_redirect_is_not_followed() {
    client_to!(client, ADDRESS);
    let elsewhere = Published::answering(HOST, ok(&chain())).await;
    let target = format!("https://{HOST}:{}/x", elsewhere.address.port());
    let answer = format!(
        "HTTP/1.1 302 Found\r\nlocation: {target}\r\ncontent-length: 0\r\nconnection: close\r\n\r\n"
    );
    let published = Published::answering(HOST, answer).await;
    ADDRESS.set(published.address).unwrap();
    let door = Door::fetching("pp-redirected", scheme(), client).await;
    assert_eq!(post(&door, &signed(&capture())).await, 401);
    assert_eq!((published.asked(), elsewhere.asked()), (1, 0));
}

#[tokio::test]
async fn a_server_that_cannot_prove_its_name_is_not_believed() {
    client_to!(client, ADDRESS);
    let published = Published::answering("evil.example", ok(&chain())).await;
    ADDRESS.set(published.address).unwrap();
    let door = Door::fetching("pp-impostor", scheme(), client).await;
    assert_eq!(post(&door, &signed(&capture())).await, 401);
    assert_eq!(door.counted("unknown_key"), 1);
}

#[tokio::test]
async fn an_answer_without_end_or_of_another_kind_is_given_up() {
    client_to!(client, ADDRESS);
    let endless = ok(&format!("{}{}", chain(), " ".repeat(65 * 1024)));
    let published = Published::answering(HOST, endless).await;
    ADDRESS.set(published.address).unwrap();
    let door = Door::fetching("pp-endless", scheme(), client).await;
    assert_eq!(post(&door, &signed(&capture())).await, 401);
    assert_eq!(published.asked(), 1);
}

#[tokio::test]
async fn an_answer_that_is_not_200_is_none() {
    client_to!(client, ADDRESS);
    let missing = ok(&chain()).replace("200 OK", "404 Not Found");
    let published = Published::answering(HOST, missing).await;
    ADDRESS.set(published.address).unwrap();
    let door = Door::fetching("pp-missing", scheme(), client).await;
    assert_eq!(post(&door, &signed(&capture())).await, 401);
    assert_eq!(published.asked(), 1);
}

#[tokio::test]
async fn a_request_that_fails_for_another_reason_makes_nobody_ask() {
    client_to!(client, ADDRESS);
    let published = Published::answering(HOST, ok(&chain())).await;
    ADDRESS.set(published.address).unwrap();
    let door = Door::fetching("pp-unasked", scheme(), client).await;
    let genuine = signed(&capture());
    for attack in [
        genuine.clone().with("PAYPAL-AUTH-ALGO", "SHA1withRSA"),
        genuine.clone().with("PAYPAL-CERT-URL", &URL.replace("https", "http")),
        genuine
            .clone()
            .with("PAYPAL-CERT-URL", &URL.replace("paypal.com/", "paypal.com@localhost/")),
        genuine.without("PAYPAL-TRANSMISSION-SIG"),
    ] {
        assert_eq!(post(&door, &attack).await, 401);
    }
    assert_eq!(published.asked(), 0);
}
