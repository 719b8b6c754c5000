//! Claims about who has what: statements, fences, and the balance.

use anyhow::ensure;
use shared::broker::Broker;
use shared::message::Number;
use shared::message::fence::Fence;
use shared::message::statement::Statement;
use shared::process;
use time::Duration as Span;
use uuid::Uuid;
use worker::ledger::custody::{COMPACTED_AFTER, Custody as _, Window};
use worker::ledger::dead_letters::DeadLetters as _;
use worker::ledger::records::Missing;
use worker::ledger::{Ledger, Session as _, Work};

use super::dead_letters::letter;
use super::words::{Ingress, Says, import, settle};
use crate::world::World;

pub(crate) async fn what_a_statement_names_and_nobody_received_is_missing_once_it_is_fenced<
    B: Broker,
    L: Ledger,
>(
    world: &World<B, L>,
) -> anyhow::Result<()> {
    let mut session = world.ledger.open().await?;
    import(&mut session, "A", 10).await?;
    let mut ingress = Ingress::new();
    let paid = ingress.message(&Says::paid("A", "T1", 10));
    let epoch = ingress.epoch;
    let statement = Statement { epoch, from: 0, to: 4, holes: vec![2] };
    let fence = Fence { id: Uuid::now_v7(), shard: 1 };
    settle(&mut session, &[paid, Work::Statement(statement), Work::Fence(fence)]).await?;
    ensure!(session.passed(fence.id).await? == [1]);
    ensure!(session.passed(Uuid::now_v7()).await?.is_empty());

    let now = process::now();
    let suspects = session.suspects(now, 10).await?;
    ensure!(suspects.windows == [Window { epoch, from: 0, to: 4 }] && suspects.gaps.is_empty());
    let before = session.balance().await?;
    ensure!((before.accepted, before.in_flight, before.unaccounted) == (3, 2, 0), "{before:?}");
    ensure!(before.adds_up() && before.missing.is_empty());
    session.convict(&suspects, now).await?;
    let after = session.balance().await?;
    ensure!((after.accepted, after.in_flight, after.unaccounted) == (3, 0, 2), "{after:?}");
    let missing = Missing { epoch, from: 0, to: 4, count: 2, numbers: vec![3, 4] };
    ensure!(after.missing == [missing] && !after.adds_up(), "{after:?}");
    ensure!(session.suspects(now, 10).await?.is_empty(), "it is proven already");

    // One of them was found again, the other comes by way of another copy.
    settle(&mut session, &[ingress.numbered(3, &Says::paid("A", "T1", 10))]).await?;
    ensure!(session.balance().await?.unaccounted == 1);
    settle(&mut session, &[ingress.numbered(4, &Says::paid("A", "T1", 10))]).await?;
    let found = session.balance().await?;
    ensure!((found.accepted, found.unaccounted) == (3, 0) && found.adds_up(), "{found:?}");
    ensure!(session.suspects(now, 10).await?.is_empty());
    Ok(())
}

pub(crate) async fn a_longer_repeat_of_a_statement_opens_its_window_again<B: Broker, L: Ledger>(
    world: &World<B, L>,
) -> anyhow::Result<()> {
    let mut session = world.ledger.open().await?;
    import(&mut session, "A", 10).await?;
    let mut ingress = Ingress::new();
    let epoch = ingress.epoch;
    let paid = ingress.message(&Says::paid("A", "T1", 10));
    let statement = |to| Work::Statement(Statement { epoch, from: 0, to, holes: vec![] });
    settle(&mut session, &[paid, statement(1)]).await?;
    ensure!(session.suspects(process::now(), 10).await?.is_empty(), "complete");
    settle(&mut session, &[statement(2)]).await?;
    let suspects = session.suspects(process::now(), 10).await?;
    ensure!(suspects.windows == [Window { epoch, from: 0, to: 2 }], "{suspects:?}");
    let short = [Window { epoch, from: 0, to: 1 }].to_vec();
    let stale = worker::ledger::custody::Suspects { windows: short, ..suspects.clone() };
    session.convict(&stale, process::now()).await?;
    ensure!(session.balance().await?.unaccounted == 0, "the fence stood before the repeat");
    Ok(())
}

pub(crate) async fn a_gap_between_two_statements_is_missing_once_it_is_fenced<
    B: Broker,
    L: Ledger,
>(
    world: &World<B, L>,
) -> anyhow::Result<()> {
    let mut session = world.ledger.open().await?;
    import(&mut session, "A", 10).await?;
    let mut ingress = Ingress::new();
    let epoch = ingress.epoch;
    let statement = |from, to, holes: &[i64]| {
        Work::Statement(Statement { epoch, from, to, holes: holes.to_vec() })
    };
    let paid = ingress.message(&Says::paid("A", "T1", 10));
    let late = ingress.numbered(5, &Says::paid("A", "T1", 10));
    // As after a backup was restored: what was recorded about 2 to 4 is gone.
    settle(&mut session, &[paid, statement(0, 1, &[]), late, statement(4, 5, &[])]).await?;
    let now = process::now();
    let suspects = session.suspects(now, 10).await?;
    ensure!(suspects.gaps == [Window { epoch, from: 1, to: 4 }], "{suspects:?}");
    ensure!(session.balance().await?.accepted == 2);
    session.convict(&suspects, now).await?;
    let balance = session.balance().await?;
    ensure!((balance.accepted, balance.unaccounted) == (5, 3), "{balance:?}");
    ensure!(balance.missing[0].numbers == [2, 3, 4], "{balance:?}");
    ensure!(session.suspects(now, 10).await?.is_empty());
    // Its statement is found after all, and says which of them never were.
    settle(&mut session, &[statement(1, 4, &[2, 3])]).await?;
    let suspects = session.suspects(now, 10).await?;
    session.convict(&suspects, now).await?;
    let balance = session.balance().await?;
    ensure!((balance.accepted, balance.unaccounted) == (3, 1), "{balance:?}");
    Ok(())
}

pub(crate) async fn what_was_assumed_gives_way_to_a_longer_repeat<B: Broker, L: Ledger>(
    world: &World<B, L>,
) -> anyhow::Result<()> {
    let mut session = world.ledger.open().await?;
    let epoch = Uuid::now_v7();
    let statement = |from, to, holes: &[i64]| {
        Work::Statement(Statement { epoch, from, to, holes: holes.to_vec() })
    };
    // No ingress was told of the first, so it said more under the same beginning; that is late.
    settle(&mut session, &[statement(0, 2, &[1, 2]), statement(6, 7, &[7])]).await?;
    let suspects = session.suspects(process::now(), 10).await?;
    ensure!(suspects.gaps == [Window { epoch, from: 2, to: 6 }], "{suspects:?}");
    session.convict(&suspects, process::now()).await?;
    ensure!(session.balance().await?.unaccounted == 4);
    settle(&mut session, &[statement(0, 6, &[1, 2, 3, 4, 5, 6])]).await?;
    let balance = session.balance().await?;
    ensure!((balance.accepted, balance.unaccounted) == (0, 0), "{balance:?}");
    ensure!(session.suspects(process::now(), 10).await?.is_empty());
    Ok(())
}

pub(crate) async fn old_receipts_are_counted_once_and_go<B: Broker, L: Ledger>(
    world: &World<B, L>,
) -> anyhow::Result<()> {
    let mut session = world.ledger.open().await?;
    import(&mut session, "A", 10).await?;
    let mut ingress = Ingress::new();
    let epoch = ingress.epoch;
    let says = Says::paid("A", "T1", 10);
    let mut batch: Vec<Work> = (0..4).map(|_| ingress.message(&says)).collect();
    let dead = Work::Buried { id: "d".into(), number: Some(ingress.next()) };
    batch.push(dead);
    for (from, to) in [(0, 3), (3, 5)] {
        batch.push(Work::Statement(Statement { epoch, from, to, holes: vec![] }));
    }
    settle(&mut session, &batch).await?;
    let before = session.balance().await?;
    ensure!((before.settled, before.duplicate, before.dead) == (1, 3, 1), "{before:?}");
    let later = process::now() + COMPACTED_AFTER + Span::seconds(1);
    ensure!(session.compact(later, 10).await? == 0, "nobody has closed a window");
    let suspects = session.suspects(later, 10).await?;
    ensure!(suspects.windows.is_empty() && suspects.gaps.is_empty(), "{suspects:?}");
    ensure!(session.compact(process::now(), 10).await? == 0, "they are young");
    ensure!(session.compact(later, 10).await? == 1 && session.compact(later, 10).await? == 1);
    ensure!(session.compact(later, 10).await? == 0);
    ensure!(session.balance().await? == before, "{:?}", session.balance().await?);
    let left = world.sql("select count(*) from receipts").await?;
    ensure!(left.trim() == "1", "the dead letter may still move: {left}");

    // A copy that comes late is counted already; a dead letter that is settled after all moves.
    let copies = [ingress.numbered(2, &says), ingress.numbered(5, &says)];
    settle(&mut session, &copies).await?;
    let after = session.balance().await?;
    ensure!((after.accepted, after.duplicate, after.dead) == (5, 4, 0), "{after:?}");
    ensure!(after.unproven == 0 && after.adds_up());
    Ok(())
}

pub(crate) async fn a_statement_that_is_repeated_after_it_was_counted_makes_nothing_missing<
    B: Broker,
    L: Ledger,
>(
    world: &World<B, L>,
) -> anyhow::Result<()> {
    let mut session = world.ledger.open().await?;
    import(&mut session, "A", 10).await?;
    let mut ingress = Ingress::new();
    let epoch = ingress.epoch;
    let statement = |from, to, holes: &[i64]| {
        Work::Statement(Statement { epoch, from, to, holes: holes.to_vec() })
    };
    let says = Says::paid("A", "T1", 10);
    let paid = ingress.message(&says);
    let third = ingress.numbered(3, &says);
    settle(&mut session, &[paid, third, statement(0, 3, &[2])]).await?;
    ensure!(session.suspects(process::now(), 10).await?.is_empty());
    let later = process::now() + COMPACTED_AFTER + Span::seconds(1);
    ensure!(session.compact(later, 10).await? == 1);
    let counted = session.balance().await?;
    ensure!((counted.accepted, counted.settled, counted.duplicate) == (2, 1, 1), "{counted:?}");

    // Its confirm was lost, so the ingress states it once more; or a copy of it comes from a retry tier.
    settle(&mut session, &[statement(0, 3, &[2])]).await?;
    ensure!(session.suspects(later, 10).await?.is_empty(), "it was counted");
    ensure!(session.balance().await? == counted, "{:?}", session.balance().await?);
    let left = world.sql("select count(*) from statements").await?;
    ensure!(left.trim() == "0", "nothing of it is news: {left}");

    // The same, longer: what lies behind is news.
    settle(&mut session, &[ingress.numbered(4, &says), statement(0, 5, &[2, 5])]).await?;
    ensure!(session.suspects(later, 10).await?.is_empty(), "complete");
    let balance = session.balance().await?;
    ensure!((balance.accepted, balance.duplicate) == (3, 2) && balance.adds_up(), "{balance:?}");
    settle(&mut session, &[statement(0, 6, &[2, 5])]).await?;
    let suspects = session.suspects(later, 10).await?;
    ensure!(suspects.windows == [Window { epoch, from: 3, to: 6 }], "{suspects:?}");
    ensure!(suspects.gaps.is_empty(), "{suspects:?}");
    session.convict(&suspects, later).await?;
    let balance = session.balance().await?;
    ensure!((balance.accepted, balance.unaccounted) == (4, 1), "{balance:?}");
    ensure!(balance.missing[0].numbers == [6], "{balance:?}");
    Ok(())
}

pub(crate) async fn a_dead_message_without_its_letter_is_missing_once_it_is_fenced<
    B: Broker,
    L: Ledger,
>(
    world: &World<B, L>,
) -> anyhow::Result<()> {
    let mut session = world.ledger.open().await?;
    let mut ingress = Ingress::new();
    let said: Vec<Work> = (0..3).map(|_| ingress.message(&Says::paid("A", "T1", 10))).collect();
    let number = |seq| Number { epoch: ingress.epoch, seq };
    let buried = |seq| Work::Buried { id: "x".into(), number: Some(number(seq)) };
    settle(&mut session, &[buried(1), buried(2), buried(3)]).await?;
    let suspects = session.suspects(process::now(), 10).await?;
    let suspected: Vec<_> = suspects.unburied.iter().map(|one| one.number).collect();
    ensure!(suspected == [number(1), number(2), number(3)], "{suspects:?}");
    ensure!(session.balance().await?.unaccounted == 0, "they may be on their way to the morgue");

    // Behind the fence the first has its letter, and the second was buried once more.
    session.bury(&[letter(&said[0], "refused")?], process::now()).await?;
    settle(&mut session, &[buried(2)]).await?;
    session.convict(&suspects, process::now()).await?;
    let balance = session.balance().await?;
    ensure!((balance.accepted, balance.dead, balance.unaccounted) == (3, 2, 1), "{balance:?}");
    ensure!(balance.missing.len() == 1 && balance.missing[0].numbers == [3], "{balance:?}");
    let left = session.suspects(process::now(), 10).await?.unburied;
    ensure!(left.len() == 1 && left[0].number == number(2), "{left:?}");

    // It is found: its letter, or itself.
    session.bury(&[letter(&said[2], "refused")?], process::now()).await?;
    let balance = session.balance().await?;
    ensure!((balance.accepted, balance.dead, balance.unaccounted) == (3, 3, 0), "{balance:?}");
    let suspects = session.suspects(process::now(), 10).await?;
    session.convict(&suspects, process::now()).await?;
    ensure!(session.balance().await?.unaccounted == 1);
    import(&mut session, "A", 10).await?;
    settle(&mut session, &[said[1].clone()]).await?;
    let balance = session.balance().await?;
    ensure!((balance.accepted, balance.settled, balance.unaccounted) == (3, 1, 0), "{balance:?}");
    Ok(())
}
