//! A replay whose broker and ledger die under it, one by one and together with the workers.

#![expect(clippy::unwrap_used, reason = "a helper that fails is a test that fails")]

use super::steps::{all_settled, break_off, ledger, mend, plan, sent, start};
use super::witness::Witness;
use crate::storm::fault::Fault;
use crate::storm::stage::Stage;

const LETTERS: usize = 200;
/// What is sent before something dies, and in between.
const SOME: usize = 15;

/// What dies at the same moment.
enum Dies {
    Broker,
    Ledger,
    Everything,
}

#[tokio::test(flavor = "multi_thread")]
async fn whatever_dies_under_a_replay_it_goes_on_and_sends_nothing_unrecorded() {
    let mut stage = Stage::set().await.unwrap();
    let door = stage.crew.urls().remove(0);
    break_off(&stage.installation, &door, (LETTERS, 56)).await;
    mend(&stage.installation).await;
    let id = plan(&stage.installation, LETTERS, "settled");
    let broker = stage.broker_url().unwrap();
    let witness = Witness::of(&stage.installation, &broker).await;
    stage.keep_queues().await.unwrap();
    start(&stage.installation, &id, "20/s");
    for dies in [Dies::Broker, Dies::Ledger, Dies::Everything] {
        sent(&stage.installation, so_far(&stage).await + SOME).await;
        befall(&mut stage, dies).await.unwrap();
        let rest = "select count(*) > 0 from quittance.replay_items where state <> 'done'";
        assert_eq!(ledger(&stage.installation, rest).await, "t", "it was over before");
    }
    all_settled(&stage.installation, LETTERS, &id).await;
    let sent = witness.sent(&stage.installation).await;
    assert!((1..=sent.recorded).contains(&sent.copies), "{sent:?}");
}

async fn so_far(stage: &Stage) -> usize {
    let sent = "select count(*) from quittance.replay_items where publishes > 0";
    ledger(&stage.installation, sent).await.parse().unwrap()
}

/// Killed, and begun again.
async fn befall(stage: &mut Stage, dies: Dies) -> anyhow::Result<()> {
    let (workers, faults): (bool, &[Fault]) = match dies {
        Dies::Broker => (false, &[Fault::BrokerKilled]),
        Dies::Ledger => (false, &[Fault::LedgerKilled]),
        Dies::Everything => (true, &[Fault::BrokerKilled, Fault::LedgerKilled]),
    };
    for worker in stage.crew.workers.iter_mut().filter(|_| workers) {
        worker.kill().await?;
    }
    for fault in faults {
        stage.begin(*fault).await?;
    }
    for fault in faults {
        stage.end(*fault).await?;
    }
    stage.crew.start_missing_workers()
}
