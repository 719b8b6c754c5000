//! From a dead letter to the message that it was. Pure.
//!
//! **Invariant**: what comes out bears the id, the number and the bytes that its own seal proves; whoever
//! cannot show a right seal is not sealed anew.

use shared::message::seal::SealKeys;
use shared::message::{Message, fence, statement};

use crate::ledger::bodies::StoredBody;
use crate::ledger::replays::StoredLetter;

/// Why a letter cannot be sent again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Unfit {
    #[error("its body is gone, or does not open with the ring at hand")]
    Body,
    #[error("parts of its body were erased")]
    Redacted,
    #[error("parts of its headers were cut")]
    Cut,
    #[error("no seal of ours proves it")]
    Unsealed,
    #[error("it is no notification")]
    Other,
}

/// The message, as on its first attempt.
pub fn again(letter: &StoredLetter, keys: &SealKeys) -> Result<Message, Unfit> {
    let bytes = match &letter.body {
        StoredBody::Open { bytes, redacted_at: None } => bytes.clone(),
        StoredBody::Open { redacted_at: Some(_), .. } => return Err(Unfit::Redacted),
        StoredBody::Closed { .. } | StoredBody::Removed { .. } | StoredBody::Missing => {
            return Err(Unfit::Body);
        }
    };
    let parcel = letter.envelope.parcel(&letter.message_id, bytes).ok_or(Unfit::Cut)?;
    let message = Message::open(&parcel, keys).map_err(|_| Unfit::Unsealed)?;
    if message.kind == statement::KIND || message.kind == fence::KIND {
        return Err(Unfit::Other);
    }
    Ok(Message { attempt: 0, traceparent: None, ..message })
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use shared::broker::Delivery;
    use shared::message::Number;
    use shared::message::dead::{Verdict, buried};
    use shared::message::parcel::{Header, Parcel};
    use shared::provider::Readers;
    use time::macros::datetime;
    use uuid::Uuid;

    use super::*;
    use crate::ledger::dead_letters::letter::Letter;

    fn message() -> Message {
        Message {
            id: Uuid::now_v7(),
            kind: "alipay".into(),
            account: "shop".into(),
            key: "k".into(),
            attempt: 3,
            received_at: datetime!(2026-01-02 03:04:05 UTC),
            number: Number { epoch: Uuid::now_v7(), seq: 7 },
            content_type: Some("text/plain".into()),
            http: vec![("a".into(), "b".into())],
            traceparent: Some("00-x".into()),
            body: Bytes::from_static(b"a=b"),
        }
    }

    fn stored(parcel: &Parcel, keys: &SealKeys) -> StoredLetter {
        let now = datetime!(2026-01-02 12:00 UTC);
        let verdict = Verdict { stage: "read", code: "unreadable", cause: "x", worker: "1" };
        let dead = Delivery { tag: 0, returns: 0, parcel: buried(parcel, verdict, now) };
        let letter = Letter::examine(&dead, (keys, &Readers::default()), now);
        StoredLetter {
            letter: letter.id,
            message_id: letter.message_id,
            order_number: None,
            envelope: letter.envelope,
            body: StoredBody::Open { bytes: letter.body.to_vec(), redacted_at: None },
        }
    }

    #[test]
    fn the_message_comes_back_as_it_first_was() {
        let (keys, message) = (SealKeys::generate(), message());
        let letter = stored(&message.clone().into_parcel(&keys), &keys);
        let expected = Message { attempt: 0, traceparent: None, ..message };
        assert_eq!(again(&letter, &keys), Ok(expected.clone()));
        // A key that only the old ring had proves nothing any more.
        assert_eq!(again(&letter, &SealKeys::generate()), Err(Unfit::Unsealed));
        let headers = again(&letter, &keys).unwrap().into_parcel(&keys).headers;
        assert!(headers.iter().all(|(name, _)| name != "quittance-stage"), "fresh headers");
    }

    #[test]
    fn a_forgery_is_not_sealed_anew() {
        let keys = SealKeys::generate();
        let genuine = message().into_parcel(&keys);
        let mut forged = genuine.clone();
        forged.set("quittance-account", Header::Text("other".into()));
        let edited = Parcel { body: Bytes::from_static(b"a=c"), ..genuine.clone() };
        for parcel in [Parcel::default(), forged, edited] {
            assert_eq!(again(&stored(&parcel, &keys), &keys), Err(Unfit::Unsealed));
        }
        let whole = stored(&genuine, &keys);
        let gone = StoredLetter { body: StoredBody::Missing, ..whole.clone() };
        assert_eq!(again(&gone, &keys), Err(Unfit::Body));
        let redacted_at = Some(datetime!(2026-01-02 12:00 UTC));
        let redacted = StoredBody::Open { bytes: b"a=b".to_vec(), redacted_at };
        assert_eq!(again(&StoredLetter { body: redacted, ..whole }, &keys), Err(Unfit::Redacted));
    }
}
