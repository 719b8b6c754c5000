//! A publisher on the wire: refused, unreachable, blocked; confirmed late; or never answered, and held all the
//! same, at once or much later.

use std::time::Duration;

use harness::wait;
use shared::broker::{PublishError, Publisher, Route};
use shared::message::parcel::Parcel;

use super::state::Happening;
use super::{Line, Outage, refusals};
use crate::sky::{Broken, Fate};

/// How long a publisher waits for a confirm.
const TIMEOUT: Duration = Duration::from_secs(3);
/// How long a parcel may lie in the buffers of a connection that is not answered.
const LATE_MS: std::ops::Range<u64> = 0..12_000;
/// How long a confirm takes at most that comes in time.
const CONFIRM_MS: std::ops::Range<u64> = 0..2_500;

/// What becomes of a publish that goes wrong.
#[derive(Clone, Copy)]
enum Wrong {
    Refused,
    /// Held, and its confirm comes late, but in time.
    Slow,
    /// No answer, and it is never held.
    Gone,
    /// No answer, and it is held, at once or late.
    HeldAllTheSame,
    /// Other queues hold it than the one that refused it.
    HeldAndRefused,
}

impl Publisher for Line {
    async fn publish(&self, route: Route, parcel: Parcel) -> Result<(), PublishError> {
        let Self { road, fate } = self;
        road.lock().record.begun(&route, &parcel);
        fate.passes("publishing").await;
        self.probed()?;
        let weather = fate.sky.weather.publishing;
        let onward = !matches!(route, Route::Notifications { .. });
        if fate.sky.broken == Broken::ConfirmsUnheld && onward && fate.befalls(100) {
            return Ok(());
        }
        if !fate.befalls(weather) {
            road.hold(Duration::ZERO, route, parcel).await.ok_or(PublishError::Lost)?;
            fate.passes("published").await;
            return Ok(());
        }
        let mut of = vec![Wrong::Refused, Wrong::Slow, Wrong::Gone, Wrong::HeldAllTheSame];
        if matches!(route, Route::Fulfilment { .. }) {
            of.push(Wrong::HeldAndRefused);
        }
        match fate.one_of(&of) {
            Wrong::Refused => Err(noted(fate, fate.one_of(&refusals()))),
            Wrong::Slow => {
                let after = fate.span(CONFIRM_MS);
                road.hold(after, route, parcel).await.ok_or(PublishError::Lost)
            }
            Wrong::Gone => Err(self.unanswered().await),
            Wrong::HeldAllTheSame => {
                let after = fate.span(LATE_MS);
                fate.note(&format!("a parcel is held {after:?} late"));
                road.put_off(after, Happening::Comes { route, parcel, told: None });
                Err(self.unanswered().await)
            }
            Wrong::HeldAndRefused => {
                road.hold(Duration::ZERO, route, parcel).await.ok_or(PublishError::Lost)?;
                Err(noted(fate, PublishError::Refused))
            }
        }
    }

    async fn probe(&self) -> Result<(), PublishError> {
        self.fate.passes("probing").await;
        self.probed()?;
        if self.fate.befalls(self.fate.sky.weather.publishing) {
            return Err(noted(&self.fate, self.fate.one_of(&refusals())));
        }
        Ok(())
    }
}

impl Line {
    fn probed(&self) -> Result<(), PublishError> {
        match self.road.lock().outage {
            Outage::Nothing => Ok(()),
            Outage::Down => Err(PublishError::Unreachable),
            Outage::Blocked => Err(PublishError::Blocked),
        }
    }

    async fn unanswered(&self) -> PublishError {
        let error = self.fate.one_of(&[PublishError::TimedOut, PublishError::Lost]);
        if error == PublishError::TimedOut {
            wait::virtually(TIMEOUT).await;
        } else {
            self.fate.passes("publishing").await;
        }
        noted(&self.fate, error)
    }
}

fn noted(fate: &Fate, error: PublishError) -> PublishError {
    fate.note(&format!("a publish: {error}"));
    error
}
