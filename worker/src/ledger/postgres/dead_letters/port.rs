//! The part of the port that keeps dead letters.

use time::OffsetDateTime;
use uuid::Uuid;

use super::{act, bury, list};
use crate::ledger::LedgerError;
use crate::ledger::dead_letters::group::{GroupAct, GroupRecord, GroupStatus};
use crate::ledger::dead_letters::letter::Letter;
use crate::ledger::dead_letters::{
    Burial, DeadLetters, GroupActed, LetterAct, LetterFile, LetterFilter, LetterRecord,
};
use crate::ledger::postgres::PostgresSession;
use crate::ledger::records::Act;

impl DeadLetters for PostgresSession {
    async fn bury(
        &mut self,
        letters: &[Letter],
        now: OffsetDateTime,
    ) -> Result<Vec<Burial>, LedgerError> {
        self.line.bounded(bury(&mut self.conn, letters, now, &self.bodies)).await
    }

    async fn open_letters(&mut self) -> Result<i64, LedgerError> {
        self.line.bounded(list::open(&mut self.conn)).await
    }

    async fn letters(&mut self, filter: &LetterFilter) -> Result<Vec<LetterRecord>, LedgerError> {
        self.line.bounded(list::letters(&mut self.conn, filter)).await
    }

    async fn letter(&mut self, id: Uuid) -> Result<Option<LetterFile>, LedgerError> {
        self.line.bounded(list::letter(&mut self.conn, id, &self.bodies)).await
    }

    async fn groups(
        &mut self,
        status: Option<GroupStatus>,
    ) -> Result<Vec<GroupRecord>, LedgerError> {
        self.line.bounded(act::groups(&mut self.conn, status)).await
    }

    async fn act_on_group(
        &mut self,
        id: Uuid,
        act: &GroupAct,
        by: &Act,
        now: OffsetDateTime,
    ) -> Result<GroupActed, LedgerError> {
        self.line.bounded(act::group(&mut self.conn, id, (act, by), now)).await
    }

    async fn act_on_letters(
        &mut self,
        ids: &[Uuid],
        act: LetterAct,
        by: &Act,
        now: OffsetDateTime,
    ) -> Result<Vec<Uuid>, LedgerError> {
        self.line.bounded(act::letters(&mut self.conn, ids, (act, by), now, &self.bodies)).await
    }
}
