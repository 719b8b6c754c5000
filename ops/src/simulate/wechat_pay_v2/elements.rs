//! One purchase in the elements that WeChat's API v2 would tell of it.

use shared::provider::wechat_pay_v2::Section;
use time::format_description::BorrowedFormatItem;
use time::macros::{format_description, offset};
use time::{Duration, OffsetDateTime};

use crate::simulate::Scenario;
use crate::simulate::purchase::{Purchase, another_if};

/// How long an agreement lasts: nobody who tries things out sees its end.
const CONTRACT: Duration = Duration::days(3_650);
/// The application of an account that names none.
const APPID: &str = "wxd678efh567hg6787";
const COMPACT: &[BorrowedFormatItem<'_>] =
    format_description!("[year][month][day][hour][minute][second]");
const SPACED: &[BorrowedFormatItem<'_>] =
    format_description!("[year]-[month]-[day] [hour]:[minute]:[second]");

type Named = Vec<(&'static str, String)>;

/// How a notification is put together.
pub(super) enum Form {
    Signed(fn(&Elements<'_>) -> Named),
    /// Encrypted, with this status.
    Refund(&'static str),
}

pub(super) const STORIES: &[(Scenario, Form)] = &[
    (Scenario::Paid, Form::Signed(|elements| elements.payment("JSAPI"))),
    (Scenario::Failed, Form::Signed(|elements| elements.failed("JSAPI"))),
    (Scenario::RefundPartial, Form::Refund("SUCCESS")),
    (Scenario::RefundFull, Form::Refund("SUCCESS")),
    (Scenario::RefundFailed, Form::Refund("CHANGE")),
    (Scenario::UnknownType, Form::Signed(|elements| elements.contract("MODIFY"))),
    (Scenario::AgreementSigned, Form::Signed(|elements| elements.contract("ADD"))),
    (Scenario::AgreementCharged, Form::Signed(|elements| elements.charged())),
    (Scenario::ChargeFailed, Form::Signed(|elements| elements.charge_failed())),
    (Scenario::AgreementEnded, Form::Signed(|elements| elements.contract("DELETE"))),
];

/// The numbers of one purchase with WeChat.
pub(super) struct Elements<'a> {
    purchase: Purchase,
    section: &'a Section,
    pub(super) nonce: String,
    transaction: String,
    openid: String,
    contract: String,
}

impl<'a> Elements<'a> {
    pub(super) fn new(purchase: Purchase, section: &'a Section) -> Self {
        Self {
            nonce: purchase.of_notification().capitals(32),
            transaction: format!("4200{}", purchase.of_transaction().digits(24)),
            openid: format!("oUpF8u{}", purchase.of_payer().letters(22)),
            contract: format!("Wx{}", purchase.of_agreement().digits(24)),
            purchase,
            section,
        }
    }

    /// What stands around every notification.
    pub(super) fn around(&self) -> Named {
        let is_wrong = self.purchase.scenario == Scenario::WrongApp;
        let appids = self.section.appid.as_ref();
        let appid = appids.and_then(|appids| appids.0.first()).map_or(APPID, String::as_str);
        let mut around = vec![
            ("return_code", "SUCCESS".to_owned()),
            ("appid", appid.to_owned()),
            ("mch_id", another_if(is_wrong, &self.section.mch_id)),
        ];
        let subs = self.section.sub_mch_id.as_ref();
        around.extend(subs.and_then(|subs| subs.0.first()).map(|sub| ("sub_mch_id", sub.clone())));
        with(around, [("nonce_str", self.nonce.clone())])
    }

    fn payment(&self, trade_type: &str) -> Named {
        let paid = [
            ("result_code", "SUCCESS".to_owned()),
            ("time_end", stamp(COMPACT, self.purchase.paid_at())),
        ];
        with(self.trade(trade_type), paid)
    }

    fn failed(&self, trade_type: &str) -> Named {
        let failed = [
            ("result_code", "FAIL".to_owned()),
            ("err_code", "NOTENOUGH".to_owned()),
            ("err_code_des", "余额不足".to_owned()),
            ("time_end", stamp(COMPACT, self.purchase.paid_at())),
        ];
        with(self.trade(trade_type), failed)
    }

    fn charged(&self) -> Named {
        with(self.payment("PAP"), [("contract_id", self.contract.clone())])
    }

    fn charge_failed(&self) -> Named {
        with(self.failed("PAP"), [("contract_id", self.contract.clone())])
    }

    fn trade(&self, trade_type: &str) -> Named {
        let amount = self.purchase.amount;
        let trade = [
            ("openid", self.openid.clone()),
            ("is_subscribe", "N".to_owned()),
            ("trade_type", trade_type.to_owned()),
            ("bank_type", "OTHERS".to_owned()),
            ("total_fee", amount.minor.to_string()),
            ("fee_type", amount.currency.as_str().to_owned()),
            ("cash_fee", amount.minor.to_string()),
            ("transaction_id", self.transaction.clone()),
            ("out_trade_no", self.purchase.order_no.clone()),
            ("attach", "礼物 <50% off>".to_owned()),
        ];
        with(self.around(), trade)
    }

    /// What a refund's `req_info` says.
    pub(super) fn refund(&self, status: &str) -> Named {
        let (total, back) = (self.purchase.amount, self.purchase.refund().minor.to_string());
        let refund = vec![
            ("transaction_id", self.transaction.clone()),
            ("out_trade_no", self.purchase.order_no.clone()),
            ("refund_id", format!("5030{}", self.purchase.of_refund().digits(24))),
            ("out_refund_no", self.purchase.refund_no()),
            ("total_fee", total.minor.to_string()),
            ("fee_type", total.currency.as_str().to_owned()),
            ("refund_fee", back.clone()),
            ("settlement_refund_fee", back),
            ("refund_status", status.to_owned()),
            ("refund_recv_accout", "支付用户的零钱".to_owned()),
            ("refund_account", "REFUND_SOURCE_RECHARGE_FUNDS".to_owned()),
            ("refund_request_source", "API".to_owned()),
        ];
        if status != "SUCCESS" {
            return refund;
        }
        with(refund, [("success_time", stamp(SPACED, self.purchase.refunded_at()))])
    }

    fn contract(&self, change_type: &str) -> Named {
        let signed_at = self.purchase.created_at();
        let at = if change_type == "DELETE" { self.purchase.ended_at() } else { signed_at };
        let contract = [
            ("result_code", "SUCCESS".to_owned()),
            ("contract_code", self.purchase.agreement.clone()),
            ("plan_id", "12535".to_owned()),
            ("openid", self.openid.clone()),
            ("change_type", change_type.to_owned()),
            ("operate_time", stamp(SPACED, at)),
            ("contract_id", self.contract.clone()),
            ("contract_expired_time", stamp(SPACED, signed_at + CONTRACT)),
            ("request_serial", self.purchase.of_invoice().digits(10)),
        ];
        with(self.around(), contract)
    }
}

fn with(mut elements: Named, more: impl IntoIterator<Item = (&'static str, String)>) -> Named {
    elements.extend(more);
    elements
}

/// WeChat's clock stands at +08:00.
fn stamp(form: &[BorrowedFormatItem<'_>], at: OffsetDateTime) -> String {
    // Years of four digits always format.
    at.to_offset(offset!(+8)).format(form).unwrap_or_default()
}
