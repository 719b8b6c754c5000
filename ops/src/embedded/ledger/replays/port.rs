//! The part of the port that replays dead letters.

use time::OffsetDateTime;
use uuid::Uuid;
use worker::ledger::records::Act;
use worker::ledger::replays::course::Look;
use worker::ledger::replays::{
    Course, ItemRecord, JobRecord, Outcome, PlannedItem, Replays, Started, Steer, Steered,
    StoredLetter,
};
use worker::ledger::{Bucket, LedgerError, Work};

use super::{jobs, look, plan, rehearse, run};
use crate::embedded::ledger::SqliteSession;

impl Replays for SqliteSession {
    async fn stored_letters(&mut self, letters: &[Uuid]) -> Result<Vec<StoredLetter>, LedgerError> {
        let (letters, bodies) = (letters.to_vec(), self.bodies.clone());
        self.read(move |connection| run::stored(connection, &letters, &bodies)).await
    }

    async fn rehearse(
        &mut self,
        batch: &[Work],
        now: OffsetDateTime,
    ) -> Result<Vec<Bucket>, LedgerError> {
        let (batch, rules, bodies) = (batch.to_vec(), self.rules(), self.bodies.clone());
        self.call(move |store, connection| {
            rehearse(store, connection, &batch, now, (&rules, &bodies))
        })
        .await
    }

    async fn plan(
        &mut self,
        what: (Uuid, &str),
        items: &[PlannedItem],
        by: &Act,
        now: OffsetDateTime,
    ) -> Result<(), LedgerError> {
        let (id, selection) = (what.0, what.1.to_owned());
        let (items, by) = (items.to_vec(), by.clone());
        self.write(move |connection| plan::plan(connection, (id, &selection), &items, &by, now))
            .await
    }

    async fn start(
        &mut self,
        id: Uuid,
        course: &Course,
        by: &Act,
        now: OffsetDateTime,
    ) -> Result<Started, LedgerError> {
        let (course, by) = (*course, by.clone());
        self.write(move |connection| plan::start(connection, id, &course, &by, now)).await
    }

    async fn jobs(&mut self, limit: i64) -> Result<Vec<JobRecord>, LedgerError> {
        self.read(move |connection| jobs::jobs(connection, None, limit)).await
    }

    async fn job(&mut self, id: Uuid) -> Result<Option<JobRecord>, LedgerError> {
        let job = self.read(move |connection| jobs::jobs(connection, Some(id), 1)).await?;
        Ok(job.into_iter().next())
    }

    async fn items(
        &mut self,
        job: Uuid,
        outcome: Option<Outcome>,
        limit: i64,
    ) -> Result<Vec<ItemRecord>, LedgerError> {
        self.read(move |connection| jobs::items(connection, job, outcome, limit)).await
    }

    async fn steer(
        &mut self,
        id: Uuid,
        steer: Steer,
        by: &Act,
        now: OffsetDateTime,
    ) -> Result<Steered, LedgerError> {
        let by = by.clone();
        self.write(move |connection| plan::steer(connection, id, steer, &by, now)).await
    }

    async fn running(&mut self) -> Result<Option<Look>, LedgerError> {
        self.read(look::running).await
    }

    async fn claim(
        &mut self,
        job: Uuid,
        holder: Uuid,
        limit: i64,
    ) -> Result<Vec<(Uuid, StoredLetter)>, LedgerError> {
        let bodies = self.bodies.clone();
        self.write(move |connection| run::claim(connection, (job, holder), limit, &bodies)).await
    }

    async fn published(
        &mut self,
        holder: Uuid,
        confirmed: &[Uuid],
        back: &[Uuid],
    ) -> Result<(), LedgerError> {
        let (confirmed, back) = (confirmed.to_vec(), back.to_vec());
        self.write(move |connection| run::published(connection, holder, &confirmed, &back)).await
    }

    async fn skip(
        &mut self,
        holder: Uuid,
        items: &[Uuid],
        now: OffsetDateTime,
    ) -> Result<(), LedgerError> {
        let items = items.to_vec();
        self.write(move |connection| run::skip(connection, holder, &items, now)).await
    }

    async fn finish(
        &mut self,
        job: Uuid,
        holder: Uuid,
        halted: Option<&str>,
        now: OffsetDateTime,
    ) -> Result<(), LedgerError> {
        let halted = halted.map(ToOwned::to_owned);
        self.write(move |connection| run::finish(connection, (job, holder), halted.as_deref(), now))
            .await
    }
}
