//! The part of the port that replays dead letters.

use std::sync::Arc;

use time::OffsetDateTime;
use uuid::Uuid;

use super::{jobs, look, plan, rehearse, run};
use crate::ledger::postgres::PostgresSession;
use crate::ledger::records::Act;
use crate::ledger::replays::course::Look;
use crate::ledger::replays::{
    Course, ItemRecord, JobRecord, Outcome, PlannedItem, Replays, Started, Steer, Steered,
    StoredLetter,
};
use crate::ledger::{Bucket, LedgerError, Work};

impl Replays for PostgresSession {
    async fn stored_letters(&mut self, letters: &[Uuid]) -> Result<Vec<StoredLetter>, LedgerError> {
        self.line.bounded(run::stored(&mut self.conn, letters, &self.bodies)).await
    }

    async fn rehearse(
        &mut self,
        batch: &[Work],
        now: OffsetDateTime,
    ) -> Result<Vec<Bucket>, LedgerError> {
        let rules = Arc::clone(&self.choices.borrow().rules);
        self.line.bounded(rehearse(&mut self.conn, batch, now, (&rules, &self.bodies))).await
    }

    async fn plan(
        &mut self,
        what: (Uuid, &str),
        items: &[PlannedItem],
        by: &Act,
        now: OffsetDateTime,
    ) -> Result<(), LedgerError> {
        self.line.bounded(plan::plan(&mut self.conn, what, items, by, now)).await
    }

    async fn start(
        &mut self,
        id: Uuid,
        course: &Course,
        by: &Act,
        now: OffsetDateTime,
    ) -> Result<Started, LedgerError> {
        self.line.bounded(plan::start(&mut self.conn, id, course, by, now)).await
    }

    async fn jobs(&mut self, limit: i64) -> Result<Vec<JobRecord>, LedgerError> {
        self.line.bounded(jobs::jobs(&mut self.conn, None, limit)).await
    }

    async fn job(&mut self, id: Uuid) -> Result<Option<JobRecord>, LedgerError> {
        Ok(self.line.bounded(jobs::jobs(&mut self.conn, Some(id), 1)).await?.pop())
    }

    async fn items(
        &mut self,
        job: Uuid,
        outcome: Option<Outcome>,
        limit: i64,
    ) -> Result<Vec<ItemRecord>, LedgerError> {
        self.line.bounded(jobs::items(&mut self.conn, job, outcome, limit)).await
    }

    async fn steer(
        &mut self,
        id: Uuid,
        steer: Steer,
        by: &Act,
        now: OffsetDateTime,
    ) -> Result<Steered, LedgerError> {
        self.line.bounded(plan::steer(&mut self.conn, id, steer, by, now)).await
    }

    async fn running(&mut self) -> Result<Option<Look>, LedgerError> {
        self.line.bounded(look::running(&mut self.conn)).await
    }

    async fn claim(
        &mut self,
        job: Uuid,
        holder: Uuid,
        limit: i64,
    ) -> Result<Vec<(Uuid, StoredLetter)>, LedgerError> {
        self.line.bounded(run::claim(&mut self.conn, (job, holder), limit, &self.bodies)).await
    }

    async fn published(
        &mut self,
        holder: Uuid,
        confirmed: &[Uuid],
        back: &[Uuid],
    ) -> Result<(), LedgerError> {
        self.line.bounded(run::published(&mut self.conn, holder, confirmed, back)).await
    }

    async fn skip(
        &mut self,
        holder: Uuid,
        items: &[Uuid],
        now: OffsetDateTime,
    ) -> Result<(), LedgerError> {
        self.line.bounded(run::skip(&mut self.conn, holder, items, now)).await
    }

    async fn finish(
        &mut self,
        job: Uuid,
        holder: Uuid,
        halted: Option<&str>,
        now: OffsetDateTime,
    ) -> Result<(), LedgerError> {
        self.line.bounded(run::finish(&mut self.conn, (job, holder), halted, now)).await
    }
}
