//! A batch in one transaction: claim, load, fold, write.

use diesel::SqliteConnection;
use shared::rules::Rules;
use shared::secret::bodies::Bodies;
use time::OffsetDateTime;
use worker::decide::fold::{Reading, fold};
use worker::ledger::keys::uses;
use worker::ledger::{Bucket, Work, buckets};

use super::fault::Result;
use super::{bodies, keys, load, notifications, receipts, replays, write};

/// Settles the batch, within the caller's transaction.
pub(super) fn settle(
    connection: &mut SqliteConnection,
    batch: &[Work],
    now: OffsetDateTime,
    (rules, kept): (&Rules, &Bodies),
) -> Result<Vec<Bucket>> {
    let readings: Vec<&Reading> = batch.iter().filter_map(reading).collect();
    let books = load::books(connection, &readings)?;
    let changes = fold(books, &readings, now, rules);
    // Those that waited so far, before the batch's own are recorded.
    write::changes(connection, &changes, now)?;
    bodies::record(connection, &readings, &changes, kept, now)?;
    notifications::record(connection, &readings, &changes, now)?;
    let buckets = buckets(batch, &changes);
    replays::close(connection, batch, &buckets, now, kept)?;
    receipts::record(connection, batch, &buckets, now)?;
    keys::record(connection, &uses(batch))?;
    Ok(buckets)
}

fn reading(work: &Work) -> Option<&Reading> {
    match work {
        Work::Reading(reading) => Some(reading),
        Work::Statement(_) | Work::Fence(_) | Work::Deferred { .. } | Work::Buried { .. } => None,
    }
}

#[cfg(test)]
mod tests {
    use shared::notification::{PaymentFact, PaymentStatus};
    use shared::order::OrderStatus;
    use worker::ledger::{Bucket, LedgerError, Session as _};

    use crate::embedded::ledger::trial::{NOW, Trial, order, paid, refunded};

    #[tokio::test]
    async fn a_payment_settles_its_order_once() {
        let mut trial = Trial::with_order("A").await;
        assert_eq!(trial.tell("n1", paid("A", "T1")).await, Bucket::Settled);
        let order = trial.order("A").await;
        assert_eq!((order.summary.status, order.summary.paid_amount), (OrderStatus::Paid, 1_000));
        assert_eq!(order.summary.paid_at, Some(NOW));
        assert_eq!((order.payments.len(), order.fulfilments.len()), (1, 1));
        assert!(order.fulfilments[0].active);
        assert_eq!(trial.announced("A").await, ["order.paid.v1"]);
    }

    #[tokio::test]
    async fn repeats_are_duplicates_in_one_batch_and_across() {
        let mut trial = Trial::with_order("A").await;
        let batch: Vec<_> = (0..3).map(|_| trial.message("n1", Some(paid("A", "T1")))).collect();
        let buckets = trial.settle(&batch).await.unwrap();
        assert_eq!(buckets, [Bucket::Settled, Bucket::Duplicate, Bucket::Duplicate]);
        assert_eq!(trial.tell("n1", paid("A", "T1")).await, Bucket::Duplicate);
        assert_eq!(trial.tell("n2", paid("A", "T1")).await, Bucket::Duplicate, "nothing new in it");
        assert_eq!(trial.announced("A").await, ["order.paid.v1"]);
    }

    #[tokio::test]
    async fn a_redelivery_moves_no_receipt() {
        let mut trial = Trial::with_order("A").await;
        let work = trial.message("n1", Some(paid("A", "T1")));
        trial.settle(std::slice::from_ref(&work)).await.unwrap();
        trial.settle(&[work]).await.unwrap();
        let balance = trial.session.balance().await.unwrap();
        assert_eq!((balance.accepted, balance.settled, balance.duplicate), (1, 1, 0));
    }

    #[tokio::test]
    async fn a_second_transaction_is_a_case_and_its_refund_resolves_it() {
        let mut trial = Trial::with_order("A").await;
        trial.tell("n1", paid("A", "T1")).await;
        assert_eq!(trial.tell("n2", paid("A", "T2")).await, Bucket::Case);
        let cases = trial.order("A").await.cases;
        assert_eq!(
            (cases[0].kind.as_str(), cases[0].status.as_str()),
            ("duplicate_payment", "open")
        );
        assert_eq!(trial.session.case(cases[0].id).await.unwrap().unwrap(), cases[0]);
        trial.tell("n3", refunded("A", "T2", 1_000)).await;
        let order = trial.order("A").await;
        assert_eq!(order.cases[0].status, "resolved");
        assert_eq!(order.summary.status, OrderStatus::Paid);
        let types = trial.announced("A").await;
        assert_eq!(
            types,
            ["order.paid.v1", "case.opened.v1", "order.refunded.v1", "case.resolved.v1"]
        );
    }

    #[tokio::test]
    async fn refund_totals_are_shown_as_differences() {
        let mut trial = Trial::with_order("A").await;
        trial.tell("n2", refunded("A", "T1", 1_000)).await;
        trial.tell("n1", refunded("A", "T1", 300)).await;
        let order = trial.order("A").await;
        let amounts: Vec<_> = order.refunds.iter().map(|refund| refund.amount).collect();
        assert_eq!(amounts, [300, 700]);
        assert_eq!(order.summary.refunded_amount, 1_000);
        assert_eq!(order.summary.status, OrderStatus::Refunded);
        assert!(!order.fulfilments[0].active);
    }

    #[tokio::test]
    async fn a_transaction_that_moves_to_another_order_is_refused_whole() {
        let mut trial = Trial::with_order("A").await;
        trial.import(order("B")).await;
        trial.tell("n1", paid("A", "T1")).await;
        let good = trial.message("n2", Some(paid("B", "T2")));
        let moved = trial.message("n3", Some(paid("B", "T1")));
        let refused = trial.settle(&[good.clone(), moved]).await;
        assert!(matches!(refused, Err(LedgerError::Refused(_))), "{refused:?}");
        assert_eq!(trial.order("B").await.summary.status, OrderStatus::Pending);
        assert_eq!(trial.settle(&[good]).await.unwrap(), [Bucket::Settled], "alone it settles");
        let split = [
            trial.message("n4", Some(paid("C", "T3"))),
            trial.message("n5", Some(paid("D", "T3"))),
        ];
        assert!(matches!(trial.settle(&split).await, Err(LedgerError::Refused(_))));
    }

    #[tokio::test]
    async fn any_number_of_an_order_pays_it() {
        let mut trial = Trial::new().await;
        let mut offered = order("A");
        offered.numbers = vec!["A-2".to_owned()];
        trial.import(offered).await;
        assert_eq!(trial.tell("n1", paid("A-2", "T1")).await, Bucket::Settled);
        let order = trial.order("A-2").await;
        assert_eq!((order.summary.order_no.as_str(), order.numbers.len()), ("A", 2));
        assert_eq!(order.payments[0].order_number, "A-2");
    }

    #[tokio::test]
    async fn what_proves_nothing_leaves_the_order_as_it_is() {
        let mut trial = Trial::with_order("A").await;
        let failed = PaymentFact { status: PaymentStatus::Failed, ..paid("A", "T1") };
        assert_eq!(trial.tell("n1", failed).await, Bucket::NoOp);
        let unknown = trial.message("n2", None);
        assert_eq!(trial.settle(&[unknown]).await.unwrap(), [Bucket::NoOp]);
        assert_eq!(trial.order("A").await.summary.status, OrderStatus::Pending);
        assert_eq!(trial.tell("n3", paid("A", "T1")).await, Bucket::Settled);
    }
}
