//! Batches, repeats, the relay's share, and the balance.

use anyhow::ensure;
use shared::broker::Broker;
use shared::message::Number;
use shared::order::OrderStatus;
use shared::process;
use time::Duration as Span;
use uuid::Uuid;
use worker::ledger::custody::Custody as _;
use worker::ledger::{Beat, Bucket, Duty, Ledger, LedgerError, Session, Work};

use super::words::{Ingress, Says, events, import, settle, show};
use crate::world::World;

pub(crate) async fn a_payment_settles_its_order_once<B: Broker, L: Ledger>(
    world: &World<B, L>,
) -> anyhow::Result<()> {
    let mut session = world.ledger.open().await?;
    import(&mut session, "A", 10).await?;
    let mut ingress = Ingress::new();
    let batch = [ingress.message(&Says::paid("A", "T1", 10))];
    ensure!(settle(&mut session, &batch).await? == [Bucket::Settled]);
    let order = show(&mut session, "A").await?;
    ensure!(order.summary.status == OrderStatus::Paid);
    ensure!(order.summary.paid_amount == 10);
    ensure!(order.fulfilments.len() == 1 && order.fulfilments[0].active);
    ensure!(events(&order) == ["order.paid.v1"]);
    Ok(())
}

pub(crate) async fn the_same_message_again_changes_nothing<B: Broker, L: Ledger>(
    world: &World<B, L>,
) -> anyhow::Result<()> {
    let mut session = world.ledger.open().await?;
    import(&mut session, "A", 10).await?;
    let mut ingress = Ingress::new();
    let batch = [
        ingress.message(&Says::paid("A", "T1", 10)),
        ingress.message(&Says::paid("later", "T2", 10)),
    ];
    settle(&mut session, &batch).await?;
    let before = (show(&mut session, "A").await?, session.balance().await?);
    settle(&mut session, &batch).await?;
    let after = (show(&mut session, "A").await?, session.balance().await?);
    ensure!(before == after, "{before:?} became {after:?}");
    ensure!((after.1.accepted, after.1.settled, after.1.in_flight) == (2, 1, 1));
    Ok(())
}

pub(crate) async fn a_repeat_in_one_batch_and_in_the_next_is_a_duplicate<B: Broker, L: Ledger>(
    world: &World<B, L>,
) -> anyhow::Result<()> {
    let mut session = world.ledger.open().await?;
    import(&mut session, "A", 10).await?;
    let mut ingress = Ingress::new();
    let says = Says::paid("A", "T1", 10);
    let mut repeat = || {
        ingress.seq += 1;
        ingress.message_with(&says, "n-1")
    };
    let buckets = settle(&mut session, &[repeat(), repeat()]).await?;
    ensure!(buckets == [Bucket::Settled, Bucket::Duplicate]);
    ensure!(settle(&mut session, &[repeat()]).await? == [Bucket::Duplicate]);
    // Another notification of the same fact is a repeat too, on the second level.
    let same = ingress.message(&Says::paid("A", "T1", 10));
    ensure!(settle(&mut session, &[same]).await? == [Bucket::Duplicate]);
    ensure!(events(&show(&mut session, "A").await?) == ["order.paid.v1"]);
    let balance = session.balance().await?;
    ensure!((balance.accepted, balance.settled, balance.duplicate) == (4, 1, 3));
    Ok(())
}

pub(crate) async fn a_transaction_that_names_another_order_is_refused<B: Broker, L: Ledger>(
    world: &World<B, L>,
) -> anyhow::Result<()> {
    let mut session = world.ledger.open().await?;
    import(&mut session, "A", 10).await?;
    import(&mut session, "B", 10).await?;
    let mut ingress = Ingress::new();
    settle(&mut session, &[ingress.message(&Says::paid("A", "T1", 10))]).await?;
    let moved = [ingress.message(&Says::paid("B", "T1", 10))];
    let refused = session.settle(&moved, process::now()).await;
    ensure!(matches!(refused, Err(LedgerError::Refused(_))), "{refused:?}");
    ensure!(show(&mut session, "B").await?.summary.status == OrderStatus::Pending);
    Ok(())
}

pub(crate) async fn two_sessions_at_once_settle_each_order_once<B: Broker, L: Ledger>(
    world: &World<B, L>,
) -> anyhow::Result<()> {
    const NUMBERS: [&str; 8] = ["A", "B", "C", "D", "E", "F", "G", "H"];
    let mut session = world.ledger.open().await?;
    for number in NUMBERS {
        import(&mut session, number, 10).await?;
    }
    let run = async |reverse: bool| {
        let mut session = world.ledger.open().await?;
        let mut ingress = Ingress::new();
        let mut batch: Vec<Work> =
            NUMBERS.iter().map(|number| ingress.message(&Says::paid(number, number, 10))).collect();
        if reverse {
            batch.reverse();
        }
        // A conflict is run again, as a lane does.
        loop {
            match session.settle(&batch, process::now()).await {
                Err(LedgerError::Conflict(_)) => (),
                done => return done,
            }
        }
    };
    let (one, other) = tokio::join!(run(false), run(true));
    let mut buckets = [one?, other?].concat();
    buckets.sort();
    ensure!(buckets[..8] == [Bucket::Duplicate; 8] && buckets[8..] == [Bucket::Settled; 8]);
    for number in NUMBERS {
        ensure!(events(&show(&mut session, number).await?) == ["order.paid.v1"]);
    }
    Ok(())
}

pub(crate) async fn a_retried_message_moves_to_its_outcome<B: Broker, L: Ledger>(
    world: &World<B, L>,
) -> anyhow::Result<()> {
    let mut session = world.ledger.open().await?;
    import(&mut session, "A", 10).await?;
    let mut ingress = Ingress::new();
    let work = ingress.message(&Says::paid("A", "T1", 10));
    let number = Some(Number { epoch: ingress.epoch, seq: 1 });
    let due_at = process::now() + Span::seconds(1);
    let deferred = [Work::Deferred { id: "m".into(), number, due_at }];
    ensure!(settle(&mut session, &deferred).await? == [Bucket::Retrying]);
    ensure!(session.balance().await?.in_flight == 1);
    let late = process::now() + Span::minutes(5);
    let suspects = session.suspects(late, 10).await?;
    ensure!(session.balance().await?.unaccounted == 0, "overdue, and not proven to be missing");
    session.convict(&suspects, late).await?;
    ensure!(session.balance().await?.unaccounted == 1, "overdue, and on no way");
    settle(&mut session, &[work]).await?;
    let balance = session.balance().await?;
    ensure!((balance.accepted, balance.settled, balance.unaccounted) == (1, 1, 0), "{balance:?}");
    let buried = [Work::Buried { id: "x".into(), number: None }];
    ensure!(settle(&mut session, &buried).await? == [Bucket::Dead]);
    ensure!(session.balance().await?.accepted == 1, "what bears no number was not accepted");
    Ok(())
}

pub(crate) async fn only_the_lowest_unsent_event_of_a_subject_is_published<B: Broker, L: Ledger>(
    world: &World<B, L>,
) -> anyhow::Result<()> {
    let mut session = world.ledger.open().await?;
    import(&mut session, "A", 10).await?;
    import(&mut session, "B", 10).await?;
    let mut ingress = Ingress::new();
    let batch = [
        ingress.message(&Says::paid("A", "T1", 10)),
        ingress.message(&Says::paid("A", "T1", 10).refunded(4)),
        ingress.message(&Says::paid("B", "T2", 10)),
    ];
    settle(&mut session, &batch).await?;
    let mut keys = vec![];
    loop {
        let unsent = session.unsent(0, 100).await?;
        if unsent.is_empty() {
            break;
        }
        let subjects: std::collections::BTreeSet<_> =
            unsent.iter().map(|event| &event.subject).collect();
        ensure!(subjects.len() == unsent.len(), "two of one subject at once");
        keys.push(unsent.len());
        session.mark_sent(&unsent).await?;
        session.mark_sent(&unsent).await?;
    }
    ensure!(keys == [2, 1], "{keys:?}");
    let log = session.events(0, 10).await?;
    let positions: Vec<i64> = log.iter().map(|event| event.position).collect();
    ensure!(positions == [1, 2, 3], "{positions:?}");
    ensure!(session.events(2, 10).await?.len() == 1);
    ensure!(log[2].event["data"]["refunded_amount"] == 4);
    Ok(())
}

pub(crate) async fn a_beat_is_taken_over_only_when_it_stands_still<B: Broker, L: Ledger>(
    world: &World<B, L>,
) -> anyhow::Result<()> {
    let mut session = world.ledger.open().await?;
    let (one, other) = (Uuid::now_v7(), Uuid::now_v7());
    ensure!(session.beat(Duty::Relay, one, None).await? == Beat::Held);
    let Beat::Other(seen) = session.beat(Duty::Relay, other, None).await? else {
        anyhow::bail!("two hold it");
    };
    ensure!(session.beat(Duty::Relay, one, None).await? == Beat::Held);
    ensure!(
        matches!(session.beat(Duty::Relay, other, Some(seen)).await?, Beat::Other(beat) if beat > seen)
    );
    let Beat::Other(seen) = session.beat(Duty::Relay, other, None).await? else {
        anyhow::bail!("two hold it");
    };
    ensure!(session.beat(Duty::Relay, other, Some(seen)).await? == Beat::Held);
    ensure!(matches!(session.beat(Duty::Relay, one, None).await?, Beat::Other(_)));
    session.release(one).await?;
    ensure!(
        matches!(session.beat(Duty::Relay, one, None).await?, Beat::Other(_)),
        "not its to give"
    );
    session.release(other).await?;
    ensure!(session.beat(Duty::Relay, one, None).await? == Beat::Held);
    ensure!(session.beat(Duty::Replay, other, None).await? == Beat::Held, "another duty");
    Ok(())
}

pub(crate) async fn a_later_notification_settles_those_that_waited<B: Broker, L: Ledger>(
    world: &World<B, L>,
) -> anyhow::Result<()> {
    let mut session = world.ledger.open().await?;
    let mut ingress = Ingress::new();
    settle(&mut session, &[ingress.message(&Says::paid("A", "T1", 10))]).await?;
    import(&mut session, "A", 10).await?;
    settle(&mut session, &[ingress.message(&Says::paid("A", "T1", 10).refunded(10))]).await?;
    session.sweep(process::now(), 100).await?;
    let balance = session.balance().await?;
    ensure!(balance.settled == 2 && balance.in_flight == 0, "{balance:?}");
    Ok(())
}

pub(crate) async fn one_transaction_for_two_orders_in_one_batch_is_refused<B: Broker, L: Ledger>(
    world: &World<B, L>,
) -> anyhow::Result<()> {
    let mut session = world.ledger.open().await?;
    let mut ingress = Ingress::new();
    import(&mut session, "A", 10).await?;
    import(&mut session, "B", 10).await?;
    let batch =
        [ingress.message(&Says::paid("A", "T1", 10)), ingress.message(&Says::paid("B", "T1", 10))];
    let refused = session.settle(&batch, process::now()).await;
    ensure!(matches!(refused, Err(LedgerError::Refused(_))), "{refused:?}");
    Ok(())
}

pub(crate) async fn a_word_without_an_order_goes_where_its_payment_is<B: Broker, L: Ledger>(
    world: &World<B, L>,
) -> anyhow::Result<()> {
    let mut session = world.ledger.open().await?;
    let mut ingress = Ingress::new();
    let (named, unnamed) = (
        |order, transaction| Says::paid(order, transaction, 10),
        |transaction| Says::paid(transaction, transaction, 10),
    );
    for (order, transaction) in [("A", "T1"), ("B", "T2"), ("C", "T3"), ("D", "T4")] {
        import(&mut session, order, 10).await?;
        let [first, second] = match order {
            "A" => [named(order, transaction), unnamed(transaction)],
            _ => [unnamed(transaction), named(order, transaction)],
        };
        let batch = [ingress.message(&first), ingress.message(&second)];
        match order {
            "D" => drop(settle(&mut session, &batch).await?),
            _ => {
                settle(&mut session, &batch[..1]).await?;
                if order == "C" {
                    // Meanwhile it is given up.
                    session.sweep(process::now() + Span::hours(1), 100).await?;
                }
                settle(&mut session, &batch[1..]).await?;
            }
        }
        let order = show(&mut session, order).await?;
        ensure!(order.summary.status == OrderStatus::Paid, "{order:?}");
        ensure!(order.cases.iter().all(|case| case.resolved_at.is_some()), "{order:?}");
    }
    let balance = session.balance().await?;
    ensure!((balance.accepted, balance.in_flight) == (8, 0), "{balance:?}");
    let home = balance.settled + balance.duplicate + balance.case;
    ensure!(home == 8 && balance.settled >= 4, "{balance:?}");
    // Once it is named for one order, it is no other's.
    let refused = session.settle(&[ingress.message(&named("B", "T1"))], process::now()).await;
    ensure!(matches!(refused, Err(LedgerError::Refused(_))), "{refused:?}");
    Ok(())
}
