//! Others at the newest orders of the ledger, so that what workers write there fails, and must be run again.

use std::process::Command;

use harness::program::Program;

/// Each locks the newest orders one by one, from the last to the first, and again: a lane locks those of its batch
/// from the first to the last.
const LOCK_BACKWARDS: &str = "do $$ declare one text; begin \
     for one in select order_no from quittance.orders order by order_no desc limit 90 \
     loop perform from quittance.orders where order_no = one for update; perform pg_sleep(0.02); \
     end loop; end $$";
/// Whoever waits for these rows has a snapshot from before they were written, which serialisable refuses.
const WRITE_THE_SAME: &str = "update quittance.orders set metadata = metadata where order_no in \
     (select order_no from quittance.orders order by order_no desc limit 90); select pg_sleep(0.1)";

/// They go on until they are ended.
#[derive(Default)]
pub(crate) struct Rivals(Vec<Program>);

impl Rivals {
    /// In the way of the workers' order, so that PostgreSQL ends one of those that wait for each other.
    pub(crate) fn lock(&mut self, database: &str) -> anyhow::Result<()> {
        for _ in 0..3 {
            self.begin(database, &format!("psql -X -q -c '{LOCK_BACKWARDS}' \"$1\""))?;
        }
        Ok(())
    }

    /// A third of the time, so that what is run again meets them no more.
    pub(crate) fn write(&mut self, database: &str) -> anyhow::Result<()> {
        self.begin(database, &format!("psql -X -q -c '{WRITE_THE_SAME}' \"$1\"; sleep 0.2"))
    }

    pub(crate) async fn end(&mut self) -> anyhow::Result<()> {
        for mut rival in self.0.drain(..) {
            rival.kill().await?;
        }
        Ok(())
    }

    fn begin(&mut self, database: &str, turn: &str) -> anyhow::Result<()> {
        let mut command = Command::new("/bin/sh");
        command.args(["-c", &format!("while :; do {turn}; done"), "rival", database]);
        self.0.push(Program::launch("rival", command)?);
        Ok(())
    }
}
