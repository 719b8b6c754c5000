//! What was accepted as payment of an order by somebody's word.

use diesel::sql_types::{Array, Bool, Nullable, Text};
use diesel_async::{AsyncPgConnection, RunQueryDsl as _};
use shared::case::CaseKind;

use crate::decide::PaymentKey;
use crate::decide::resolution::POLICY;
use crate::ledger::LedgerError;
use crate::ledger::records::Accepted;

statement!(
    AcceptedOf { policy: Text = str, order_no: Text = str, numbers: Array<Text> = [String] }
    -> (Text, Nullable<Text>, Nullable<Text>, Bool) = "
    with said as (select ?::text as policy, ?::text as order_no, ?::text[] as numbers)
    select r.kind, r.account, r.transaction, bool_and(r.actor = said.policy)
    from said, case_resolutions r
    where r.verdict = 'fulfil'
      and (r.order_no = said.order_no
           or (r.account, r.transaction) in (
               select p.account, p.transaction from payments p where p.order_number = any(said.numbers)))
    group by r.kind, r.account, r.transaction order by 1, 2, 3"
);

pub(super) async fn accepted(
    conn: &mut AsyncPgConnection,
    order_no: &str,
    numbers: &[String],
) -> Result<Vec<Accepted>, LedgerError> {
    type Row = (String, Option<String>, Option<String>, bool);
    let rows: Vec<Row> = AcceptedOf { policy: POLICY, order_no, numbers }.load(conn).await?;
    let accepted = |(kind, account, transaction, by_policy): Row| {
        let kind = CaseKind::from_word(&kind)
            .ok_or_else(|| LedgerError::Fault("an unknown case".to_owned()))?;
        let payment = account.zip(transaction);
        let payment = payment.map(|(account, transaction)| PaymentKey { account, transaction });
        Ok(Accepted { kind, payment, by_policy })
    };
    rows.into_iter().map(accepted).collect()
}
