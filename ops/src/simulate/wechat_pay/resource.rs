//! One purchase in the resources that WeChat Pay would tell of it.

use serde_json::{Value, json};
use shared::provider::wechat_pay::Section;
use time::format_description::well_known::Rfc3339;
use time::macros::offset;
use time::{Duration, OffsetDateTime};

use crate::simulate::Scenario;
use crate::simulate::purchase::{Purchase, another_if};

/// How long an agreement lasts: nobody who tries things out sees its end.
const CONTRACT: Duration = Duration::days(3_650);
/// The merchant and the application of an account that names none.
const MCHID: &str = "1900000109";
const APPID: &str = "wxd678efh567hg6787";
const TRANSACTION: &str = "transaction";
const REFUND: &str = "refund";

/// A scenario's event type, what its resource is, when it happened, and what it says.
pub(super) type Story = (
    Scenario,
    &'static str,
    &'static str,
    fn(&Purchase) -> OffsetDateTime,
    fn(&Resource<'_>) -> Value,
);

pub(super) const STORIES: &[Story] = &[
    (Scenario::Paid, "TRANSACTION.SUCCESS", TRANSACTION, Purchase::paid_at, |resource| {
        resource.transaction("JSAPI", "SUCCESS")
    }),
    (Scenario::Failed, "TRANSACTION.FAIL", TRANSACTION, Purchase::paid_at, |resource| {
        resource.transaction("JSAPI", "PAYERROR")
    }),
    (Scenario::RefundPartial, "REFUND.SUCCESS", REFUND, Purchase::refunded_at, |resource| {
        resource.refund("SUCCESS")
    }),
    (Scenario::RefundFull, "REFUND.SUCCESS", REFUND, Purchase::refunded_at, |resource| {
        resource.refund("SUCCESS")
    }),
    (Scenario::RefundFailed, "REFUND.ABNORMAL", REFUND, Purchase::refunded_at, |resource| {
        resource.refund("ABNORMAL")
    }),
    (
        Scenario::UnknownType,
        "PROFITSHARING.SUCCESS",
        "profitsharing",
        Purchase::paid_at,
        |resource| resource.profit_sharing(),
    ),
    (Scenario::AgreementSigned, "ENTRUST.SIGN", "papay", Purchase::created_at, |resource| {
        resource.contract("SIGNED")
    }),
    (
        Scenario::AgreementCharged,
        "TRANSACTION.SUCCESS",
        TRANSACTION,
        Purchase::paid_at,
        |resource| resource.charge("SUCCESS"),
    ),
    (Scenario::ChargeFailed, "TRANSACTION.FAIL", TRANSACTION, Purchase::paid_at, |resource| {
        resource.charge("FAIL")
    }),
    (Scenario::AgreementEnded, "ENTRUST.TERMINATE", "papay", Purchase::ended_at, |resource| {
        resource.contract("TERMINATED")
    }),
    (Scenario::Batch, "TRANSACTION.SUCCESS", TRANSACTION, Purchase::paid_at, |resource| {
        resource.combined()
    }),
];

/// Whose money it is.
pub(super) struct Owner {
    mchid: String,
    appid: String,
}

impl Owner {
    /// The first of those that the account names.
    pub(super) fn of(section: &Section) -> Self {
        let mchid = section.mchid.0.first().map_or(MCHID, String::as_str);
        let appids = section.appid.as_ref();
        let appid = appids.and_then(|appids| appids.0.first()).map_or(APPID, String::as_str);
        Self { mchid: mchid.to_owned(), appid: appid.to_owned() }
    }
}

/// The numbers of one purchase with WeChat.
pub(super) struct Resource<'a> {
    purchase: Purchase,
    owner: &'a Owner,
    mchid: String,
    transaction: String,
    openid: String,
    contract: String,
}

impl<'a> Resource<'a> {
    pub(super) fn new(purchase: Purchase, owner: &'a Owner) -> Self {
        let is_wrong = purchase.scenario == Scenario::WrongApp;
        Self {
            mchid: another_if(is_wrong, &owner.mchid),
            transaction: format!("4200{}", purchase.of_transaction().digits(24)),
            openid: format!("oUpF8u{}", purchase.of_payer().letters(22)),
            contract: format!("Wx{}", purchase.of_agreement().digits(24)),
            purchase,
            owner,
        }
    }

    fn transaction(&self, trade_type: &str, state: &str) -> Value {
        json!({
            "appid": self.owner.appid,
            "mchid": self.mchid,
            "out_trade_no": self.purchase.order_no,
            "transaction_id": self.transaction,
            "trade_type": trade_type,
            "trade_state": state,
            "trade_state_desc": if state == "SUCCESS" { "支付成功" } else { "支付失败" },
            "bank_type": "OTHERS",
            "attach": "礼物 50% off/1+1",
            "success_time": stamp(self.purchase.paid_at()),
            "payer": { "openid": self.openid },
            "amount": {
                "total": self.purchase.amount.minor,
                "payer_total": self.purchase.amount.minor,
                "currency": self.currency(),
                "payer_currency": self.currency(),
            },
        })
    }

    fn charge(&self, state: &str) -> Value {
        let mut charge = self.transaction("PAP", state);
        charge["contract_id"] = self.contract.as_str().into();
        charge
    }

    /// An order in two parts, each with a number of its own, paid at once.
    fn combined(&self) -> Value {
        let mut chance = self.purchase.of_invoice();
        let second =
            (format!("{}-2", self.purchase.order_no), format!("4200{}", chance.digits(24)));
        let first = (self.purchase.order_no.clone(), self.transaction.clone());
        let orders = [first, second].map(|(order_no, transaction)| {
            json!({
                "mchid": self.mchid,
                "out_trade_no": order_no,
                "transaction_id": transaction,
                "trade_type": "JSAPI",
                "trade_state": "SUCCESS",
                "bank_type": "OTHERS",
                "success_time": stamp(self.purchase.paid_at()),
                "amount": {
                    "total_amount": self.purchase.amount.minor,
                    "payer_amount": self.purchase.amount.minor,
                    "currency": self.currency(),
                    "payer_currency": self.currency(),
                },
            })
        });
        json!({
            "combine_appid": self.owner.appid,
            "combine_mchid": self.mchid,
            "combine_out_trade_no": format!("{}-C", self.purchase.order_no),
            "combine_payer_info": { "openid": self.openid },
            "sub_orders": orders,
        })
    }

    fn refund(&self, status: &str) -> Value {
        let (total, refund) = (self.purchase.amount.minor, self.purchase.refund().minor);
        let mut told = json!({
            "mchid": self.mchid,
            "out_trade_no": self.purchase.order_no,
            "transaction_id": self.transaction,
            "out_refund_no": self.purchase.refund_no(),
            "refund_id": format!("5030{}", self.purchase.of_refund().digits(24)),
            "refund_status": status,
            "user_received_account": "支付用户零钱",
            "amount": {
                "total": total,
                "refund": refund,
                "payer_total": total,
                "payer_refund": refund,
                "currency": self.currency(),
            },
        });
        if status == "SUCCESS" {
            told["success_time"] = stamp(self.purchase.refunded_at()).into();
        }
        told
    }

    fn contract(&self, state: &str) -> Value {
        let signed_at = self.purchase.created_at();
        let mut told = json!({
            "appid": self.owner.appid,
            "mchid": self.mchid,
            "contract_id": self.contract,
            "plan_id": "12535",
            "out_contract_code": self.purchase.agreement,
            "contract_state": state,
            "contract_signed_time": stamp(signed_at),
            "contract_expired_time": stamp(signed_at + CONTRACT),
            "openid": self.openid,
        });
        if state == "TERMINATED" {
            told["contract_terminate_info"] = json!({
                "contract_termination_mode": "USER_TERMINATE",
                "contract_terminated_time": stamp(self.purchase.ended_at()),
            });
        }
        told
    }

    fn profit_sharing(&self) -> Value {
        json!({
            "mchid": self.mchid,
            "transaction_id": self.transaction,
            "out_order_no": self.purchase.order_no,
        })
    }

    fn currency(&self) -> &str {
        self.purchase.amount.currency.as_str()
    }
}

/// WeChat's clock stands at +08:00.
fn stamp(at: OffsetDateTime) -> String {
    // Years of four digits always format.
    at.to_offset(offset!(+8)).format(&Rfc3339).unwrap_or_default()
}
