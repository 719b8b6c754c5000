//! Places for connections: so many in all, and so many for one address.

use std::collections::HashMap;
use std::io;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// How many connections may be open.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Capacity {
    /// The next one waits in the system's queue.
    pub connections_max: u16,
    /// Of one address; the next one is closed at once.
    pub per_address_max: u16,
}

pub(super) struct Places {
    room: Arc<Semaphore>,
    per_address_max: u16,
    held: Mutex<HashMap<IpAddr, u16>>,
}

/// Given back when dropped.
pub(super) struct Place {
    places: Arc<Places>,
    holder: IpAddr,
    _room: OwnedSemaphorePermit,
}

impl Default for Capacity {
    fn default() -> Self {
        Self { connections_max: 4_096, per_address_max: 1_024 }
    }
}

impl Places {
    pub(super) fn new(capacity: Capacity) -> Self {
        let Capacity { connections_max, per_address_max } = capacity;
        let room = Arc::new(Semaphore::new(usize::from(connections_max)));
        Self { room, per_address_max, held: Mutex::default() }
    }

    /// Waits until one more connection may be open.
    pub(super) async fn room(&self) -> io::Result<OwnedSemaphorePermit> {
        Arc::clone(&self.room).acquire_owned().await.map_err(io::Error::other)
    }

    /// Nothing where this address holds as many as it may.
    pub(super) fn take(
        self: &Arc<Self>,
        room: OwnedSemaphorePermit,
        peer: IpAddr,
    ) -> Option<Place> {
        let holder = holder(peer);
        let mut held = self.lock();
        let count = held.entry(holder).or_default();
        if *count >= self.per_address_max {
            return None;
        }
        *count += 1;
        Some(Place { places: Arc::clone(self), holder, _room: room })
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<IpAddr, u16>> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut held = self.places.lock();
        if let Some(count) = held.get_mut(&self.holder) {
            *count -= 1;
            if *count == 0 {
                held.remove(&self.holder);
            }
        }
    }
}

/// Who gets an address of IPv6 gets 2^64 of them: they count as one. Source: RFC 6177 §2.
fn holder(peer: IpAddr) -> IpAddr {
    match peer.to_canonical() {
        IpAddr::V6(address) => {
            let [a, b, c, d, ..] = address.segments();
            IpAddr::V6(Ipv6Addr::new(a, b, c, d, 0, 0, 0, 0))
        }
        v4 => v4,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn an_address_that_holds_its_share_gets_no_more_until_it_gives_one_back() {
        let capacity = Capacity { connections_max: 4, per_address_max: 2 };
        let places = Arc::new(Places::new(capacity));
        let [one, other] = ["192.0.2.1", "::ffff:192.0.2.2"].map(|text| text.parse().unwrap());
        let take = async |peer| places.take(places.room().await.unwrap(), peer);
        let (first, second) = (take(one).await, take(one).await);
        assert!(first.is_some() && second.is_some());
        assert!(take(one).await.is_none());
        assert!(take(other).await.is_some());
        drop(second);
        assert!(take(one).await.is_some());
        drop(first);
        assert_eq!(places.room.available_permits(), 4);
        assert!(places.lock().is_empty());
    }

    #[test]
    fn a_network_of_one_subscriber_is_one_holder() {
        let [one, same, other, v4, mapped] = [
            "2001:db8::1",
            "2001:db8::ffff:1:2:3",
            "2001:db8:0:1::1",
            "192.0.2.1",
            "::ffff:192.0.2.1",
        ]
        .map(|text| holder(text.parse().unwrap()));
        assert_eq!(one, same);
        assert_ne!(one, other);
        assert_eq!(v4, mapped);
    }
}
