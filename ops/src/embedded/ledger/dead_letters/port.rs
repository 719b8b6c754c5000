//! The part of the port that keeps dead letters.

use time::OffsetDateTime;
use uuid::Uuid;
use worker::ledger::LedgerError;
use worker::ledger::dead_letters::group::{GroupAct, GroupRecord, GroupStatus};
use worker::ledger::dead_letters::letter::Letter;
use worker::ledger::dead_letters::{
    Burial, DeadLetters, GroupActed, LetterAct, LetterFile, LetterFilter, LetterRecord,
};
use worker::ledger::records::Act;

use super::{act, bury, list};
use crate::embedded::ledger::SqliteSession;

impl DeadLetters for SqliteSession {
    async fn bury(
        &mut self,
        letters: &[Letter],
        now: OffsetDateTime,
    ) -> Result<Vec<Burial>, LedgerError> {
        let (letters, bodies) = (letters.to_vec(), self.bodies.clone());
        self.write(move |connection| bury(connection, &letters, now, &bodies)).await
    }

    async fn open_letters(&mut self) -> Result<i64, LedgerError> {
        self.read(list::open).await
    }

    async fn letters(&mut self, filter: &LetterFilter) -> Result<Vec<LetterRecord>, LedgerError> {
        let filter = filter.clone();
        self.read(move |connection| list::letters(connection, &filter)).await
    }

    async fn letter(&mut self, id: Uuid) -> Result<Option<LetterFile>, LedgerError> {
        let bodies = self.bodies.clone();
        self.read(move |connection| list::letter(connection, id, &bodies)).await
    }

    async fn groups(
        &mut self,
        status: Option<GroupStatus>,
    ) -> Result<Vec<GroupRecord>, LedgerError> {
        self.read(move |connection| act::groups(connection, status)).await
    }

    async fn act_on_group(
        &mut self,
        id: Uuid,
        act: &GroupAct,
        by: &Act,
        now: OffsetDateTime,
    ) -> Result<GroupActed, LedgerError> {
        let (act, by) = (act.clone(), by.clone());
        self.write(move |connection| act::group(connection, id, (&act, &by), now)).await
    }

    async fn act_on_letters(
        &mut self,
        ids: &[Uuid],
        act: LetterAct,
        by: &Act,
        now: OffsetDateTime,
    ) -> Result<Vec<Uuid>, LedgerError> {
        let (ids, by, bodies) = (ids.to_vec(), by.clone(), self.bodies.clone());
        self.write(move |connection| act::letters(connection, &ids, (act, &by), now, &bodies)).await
    }
}
