//! What the rules are tried on.

use shared::case::CaseVerdict;
use shared::money::{Currency, Money};
use shared::notification::{
    AgreementChange, AgreementFact, DisputeStatus, Fact, PaymentFact, PaymentStatus, RefundStatus,
    Revival,
};
use shared::process;
use worker::ledger::Session;
use worker::ledger::dead_letters::LetterAct;
use worker::ledger::erasure::Subject;
use worker::ledger::records::{Act, CaseAct, NewOrder, NewSubscription};

use super::super::bodies::noted;
use super::super::dead_letters::{act, letter};
use super::super::words::{
    Ingress, PAID_AT, Says, dispute, import, order, refund, settle, show, subscription,
};

/// P is pending, C is cancelled, E ran out. Q is paid, and once more with another
/// amount: a case, with a note and somebody's word. M is paid under its number M-2, not under M-3. T3 is a charge of S, U is not charged. Of F's payment T6 some
/// went back, by a total, by name and by a dispute that was won. A dead letter was discarded. E was erased.
pub(super) async fn shop(session: &mut impl Session) -> anyhow::Result<()> {
    for number in ["P", "Q", "C", "F"] {
        import(session, number, 10).await?;
    }
    let over = NewOrder { expires_at: Some(PAID_AT), ..order("E", 10) };
    session.import(&[over], process::now()).await?;
    let numbers = vec!["M-2".to_owned(), "M-3".to_owned()];
    session.import(&[NewOrder { numbers, ..order("M", 10) }], process::now()).await?;
    let charged = NewSubscription { agreement_no: Some("G".into()), ..subscription("S") };
    let all = [charged, subscription("U")];
    session.subscribe(&all, process::now()).await?;
    let mut ingress = Ingress::new();
    let signed = Fact::Agreement(AgreementFact {
        agreement: "G".into(),
        subscription_no: None,
        change: AgreementChange::Signed { valid_until: None },
        occurred_at: PAID_AT,
        revival: Revival::Never,
    });
    let charged = Fact::Payment(PaymentFact {
        transaction: "T3".into(),
        order_number: "T3".into(),
        status: PaymentStatus::Succeeded,
        amount: Money { minor: 10, currency: Currency::CNY },
        occurred_at: PAID_AT,
        refund_total: None,
        agreement: Some("G".into()),
    });
    let batch = [
        ingress.message(&Says::paid("Q", "T1", 10)),
        ingress.message(&Says::paid("Q", "T2", 9)),
        ingress.tell(signed),
        ingress.tell(charged),
        ingress.message(&Says::paid("M-2", "T7", 10)),
        ingress.message(&Says::paid("F", "T6", 10).refunded(1)),
        ingress.tell(refund("T6", "R1", 1, RefundStatus::Succeeded)),
        ingress.tell(dispute("T6", 1, DisputeStatus::Won)),
    ];
    settle(session, &batch).await?;
    session.cancel("C", "r", "test", process::now()).await?;
    session.sweep(process::now(), 100).await?;
    let case = show(session, "Q").await?.cases.remove(0);
    // A note, and a word that the case's condition outlives: one more payment opens it again.
    let resolve = CaseAct::Resolve { verdict: CaseVerdict::Ignore, saw_minor: 9 };
    for act in [CaseAct::Note { text: "asked".into() }, resolve] {
        let (action, subject) = (act.action().to_owned(), format!("case/{}", case.id));
        let by = Act { actor: "test".into(), action, subject, reason: "because".into() };
        session.act_on_case(case.id, &act, &by, process::now()).await?;
    }
    settle(session, &[ingress.message(&Says::paid("Q", "T4", 8))]).await?;
    let letter = letter(&ingress.message(&Says::paid("Q", "T5", 7)), "refused")?;
    session.bury(std::slice::from_ref(&letter), process::now()).await?;
    let by = act("dead_letters.discard");
    session.act_on_letters(&[letter.id], LetterAct::Discard, &by, process::now()).await?;
    session.erase(&noted(Subject::Order("E".into())), process::now()).await?;
    Ok(())
}
