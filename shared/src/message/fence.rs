//! A marker that passes through a shard's queue: whatever stood in front of it has been delivered.

use serde::{Deserialize, Serialize};
use time::OffsetDateTime;
use uuid::Uuid;

use super::Message;

/// The message type of a fence.
pub const KIND: &str = "quittance.fence";

/// One marker: of which fence, and for which shard.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Fence {
    pub id: Uuid,
    pub shard: u16,
}

impl Fence {
    /// The message that carries it through the queue.
    pub fn into_message(self, received_at: OffsetDateTime) -> Message {
        Message::about(KIND, self.id, &self, received_at)
    }

    /// Reads a sealed message's body. Nothing: it is no fence that this version understands.
    pub fn read(message: &Message) -> Option<Self> {
        let fence: Self = serde_json::from_slice(&message.body).ok()?;
        (fence.id == message.number.epoch).then_some(fence)
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::*;

    #[test]
    fn a_fence_survives_the_queue() {
        let fence = Fence { id: Uuid::now_v7(), shard: 3 };
        let message = fence.into_message(OffsetDateTime::UNIX_EPOCH);
        assert_eq!(Fence::read(&message), Some(fence));
        let other = Message { body: Bytes::from_static(b"{}"), ..message };
        assert_eq!(Fence::read(&other), None);
    }
}
