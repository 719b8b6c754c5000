//! A signed webhook on its way to the door, and the answers that a provider's door owes it. Its
//! signatures are made here, by another library than the one that judges them.

use aws_lc_rs::hmac;
use bytes::Bytes;
use shared::message::parcel::Parcel;
use shared::notification::Notification;
use shared::provider::{Genuine, Headers, Reader, Rejection, Request, Unreadable};

use crate::door::{Answer, BODY_LIMIT, Door};

/// One request. A name may stand twice, as strangers send it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Webhook {
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
}

/// A provider's answers, to the byte.
pub(crate) struct Replies {
    pub(crate) accept: &'static str,
    pub(crate) reject: u16,
}

/// The code over a message.
pub(crate) fn code(key: &[u8], message: &[u8]) -> Vec<u8> {
    hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, key), message).as_ref().to_vec()
}

impl Webhook {
    /// JSON, with these headers beside its content type.
    pub(crate) fn new(headers: &[(&str, &str)], body: &[u8]) -> Self {
        let content_type = [("content-type", "application/json; charset=utf-8")];
        let headers = content_type.iter().chain(headers);
        let headers = headers.map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        Self { headers: headers.collect(), body: body.to_vec() }
    }

    /// The same with one header replaced, or added.
    pub(crate) fn with(&self, name: &str, value: &str) -> Self {
        self.without(name).and(name, value)
    }

    pub(crate) fn without(&self, name: &str) -> Self {
        let mut other = self.clone();
        other.headers.retain(|(known, _)| known != name);
        other
    }

    /// The same with one header more.
    pub(crate) fn and(&self, name: &str, value: &str) -> Self {
        let mut other = self.clone();
        other.headers.push((name.to_owned(), value.to_owned()));
        other
    }

    /// The same signature around another body.
    pub(crate) fn around(&self, body: &[u8]) -> Self {
        Self { headers: self.headers.clone(), body: body.to_vec() }
    }

    pub(crate) fn request(&self) -> Result<Request, Rejection> {
        let pairs = self.headers.iter().map(|(name, value)| (name.as_str(), value.as_bytes()));
        Ok(Request { headers: Headers::new(pairs)?, body: Bytes::from(self.body.clone()) })
    }

    pub(crate) async fn post(&self, door: &Door) -> Answer {
        let line = |(name, value): &(String, String)| format!("{name}: {value}\r\n");
        let headers: String = self.headers.iter().map(line).collect();
        door.post_to("", &headers, &self.body).await
    }
}

impl Replies {
    /// It is taken, untouched.
    pub(crate) async fn taken(&self, door: &Door, webhook: &Webhook) -> Parcel {
        let answer = webhook.post(door).await;
        assert_eq!((answer.status, answer.body.as_str()), (200, self.accept), "{webhook:?}");
        let parcel = door.enqueued().pop().unwrap();
        assert_eq!(parcel.body, webhook.body);
        parcel
    }

    /// It is turned away for this reason; out of form, with 400.
    pub(crate) async fn refused(&self, door: &Door, webhook: &Webhook, reason: &str) {
        let (before, enqueued) = (door.counted(reason), door.enqueued().len());
        let answer = webhook.post(door).await;
        let status = if reason == "malformed" { 400 } else { self.reject };
        assert_eq!((answer.status, answer.body.as_str()), (status, ""), "{reason}: {webhook:?}");
        assert_eq!(door.enqueued().len(), enqueued, "{reason}: nothing is enqueued");
        assert_eq!(door.counted(reason), before + 1, "{reason}: {webhook:?}");
    }

    /// What holds for every provider, given a genuine webhook.
    pub(crate) async fn hold_for_every_provider(
        &self,
        door: &Door,
        genuine: &Webhook,
        reader: &Reader,
    ) {
        let first = read(reader, &self.taken(door, genuine).await);
        assert_eq!(read(reader, &self.taken(door, genuine).await), first, "a repeat says the same");
        let (one, other) = tokio::join!(genuine.post(door), genuine.post(door));
        assert_eq!((one.status, other.status), (200, 200), "two at a time");
        let ids: Vec<_> = door.enqueued().iter().map(|parcel| parcel.id.clone()).collect();
        let distinct: std::collections::BTreeSet<_> = ids.iter().collect();
        assert_eq!((ids.len(), distinct.len()), (4, 4), "each is a message of its own");

        let long = genuine.around(&[b' '; BODY_LIMIT + 1]).post(door).await;
        assert_eq!((long.status, long.body.as_str()), (413, ""));
        let encoded = genuine.and("content-encoding", "gzip");
        self.refused(door, &encoded, "malformed").await;
        assert_eq!(door.enqueued().len(), 4);
    }
}

/// What a worker would read from a parcel.
pub(crate) fn read(reader: &Reader, parcel: &Parcel) -> Result<Vec<Notification>, Unreadable> {
    let http: Vec<_> = ["svix-id", "webhook-id"]
        .iter()
        .filter_map(|name| {
            let value = parcel.text(&format!("quittance-http-{name}"))?;
            Some(((*name).to_owned(), value.to_owned()))
        })
        .collect();
    let received_at = time::OffsetDateTime::from_unix_timestamp(parcel.timestamp_s).unwrap();
    reader.read(&Genuine { http: &http, received_at, body: &parcel.body })
}
