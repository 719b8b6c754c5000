//! One purchase in the fields that Alipay would tell of it.

use shared::money::Money;
use time::format_description::BorrowedFormatItem;
use time::macros::{format_description, offset};
use time::{Duration, OffsetDateTime};

use crate::simulate::Scenario;
use crate::simulate::purchase::{Purchase, another_if};

/// The seller of an account that names none.
const SELLER_ID: &str = "2088102177890000";
const TIME: &[BorrowedFormatItem<'_>] =
    format_description!("[year]-[month]-[day] [hour]:[minute]:[second]");
const DAY: &[BorrowedFormatItem<'_>] = format_description!("[year][month][day]");

type Fields = Vec<(&'static str, String)>;

pub(super) struct Trade {
    purchase: Purchase,
    app_id: String,
    seller_id: String,
    trade_no: String,
    notify_id: String,
    buyer_id: String,
    agreement_no: String,
}

impl Trade {
    pub(super) fn new(purchase: Purchase, app_id: &str, seller_id: &Option<String>) -> Self {
        let day = format(DAY, purchase.created_at());
        let seller_id = seller_id.as_deref().unwrap_or(SELLER_ID);
        let scenario = purchase.scenario;
        Self {
            app_id: another_if(scenario == Scenario::WrongApp, app_id),
            seller_id: another_if(scenario == Scenario::WrongSeller, seller_id),
            trade_no: format!("{day}22001{}", purchase.of_transaction().digits(15)),
            notify_id: format!("{day}00222{}", purchase.of_notification().digits(21)),
            buyer_id: format!("2088{}", purchase.of_payer().digits(12)),
            agreement_no: format!("20265{}", purchase.of_agreement().digits(15)),
            purchase,
        }
    }

    /// Everything but the signature.
    pub(super) fn fields(&self) -> Option<Fields> {
        Some(match self.purchase.scenario {
            Scenario::Return => self.return_link(),
            Scenario::UnknownType => self.service_message(),
            Scenario::Pending => self.trade("WAIT_BUYER_PAY"),
            Scenario::Closed => self.closed(),
            Scenario::Finished => self.finished(),
            Scenario::RefundPartial => self.partly_refunded(),
            Scenario::RefundFull => self.fully_refunded(),
            Scenario::AgreementSigned => self.signed(),
            Scenario::AgreementEnded => self.ended(),
            Scenario::AgreementCharged => self.charged(),
            Scenario::Paid
            | Scenario::Duplicate
            | Scenario::Forged
            | Scenario::WrongAmount
            | Scenario::WrongApp
            | Scenario::WrongSeller
            | Scenario::Downgrade => self.paid("TRADE_SUCCESS"),
            Scenario::RefundFailed
            | Scenario::RefundReversed
            | Scenario::Failed
            | Scenario::Authorised
            | Scenario::Stale
            | Scenario::WrongEnvironment
            | Scenario::ChargeFailed
            | Scenario::DisputeOpened
            | Scenario::DisputeWon
            | Scenario::DisputeLost
            | Scenario::Batch
            | Scenario::BatchForged => return None,
        })
    }

    /// What stands in every message, whatever its type.
    fn notice(&self, notify_type: &str, at: OffsetDateTime) -> Fields {
        vec![
            ("notify_time", stamp(at)),
            ("notify_type", notify_type.to_owned()),
            ("notify_id", self.notify_id.clone()),
            ("app_id", self.app_id.clone()),
            ("auth_app_id", self.app_id.clone()),
            ("charset", "utf-8".to_owned()),
            ("version", "1.0".to_owned()),
        ]
    }

    fn trade(&self, status: &str) -> Fields {
        let notice =
            self.notice("trade_status_sync", self.purchase.paid_at() + Duration::seconds(2));
        let trade = [
            ("trade_no", self.trade_no.clone()),
            ("out_trade_no", self.purchase.order_no.clone()),
            ("buyer_id", self.buyer_id.clone()),
            ("buyer_logon_id", "159****5620".to_owned()),
            ("seller_id", self.seller_id.clone()),
            ("trade_status", status.to_owned()),
            ("total_amount", self.purchase.amount.to_decimal()),
            // Signs that a careless decoder would decode twice.
            ("subject", "测试商品 50% off + gift".to_owned()),
            ("gmt_create", stamp(self.purchase.created_at())),
        ];
        with(notice, trade)
    }

    fn paid(&self, status: &str) -> Fields {
        let amount = self.purchase.amount.to_decimal();
        let bills = format!(r#"[{{"amount":"{amount}","fundChannel":"ALIPAYACCOUNT"}}]"#);
        let payment = [
            ("receipt_amount", amount.clone()),
            ("invoice_amount", amount.clone()),
            ("buyer_pay_amount", amount),
            ("point_amount", "0.00".to_owned()),
            ("gmt_payment", stamp(self.purchase.paid_at())),
            ("fund_bill_list", bills),
        ];
        with(self.trade(status), payment)
    }

    fn closed(&self) -> Fields {
        let at = stamp(self.purchase.closed_at());
        with(self.trade("TRADE_CLOSED"), [("gmt_close", at)])
    }

    fn finished(&self) -> Fields {
        let at = stamp(self.purchase.ended_at());
        with(self.paid("TRADE_FINISHED"), [("gmt_close", at)])
    }

    fn partly_refunded(&self) -> Fields {
        with(self.paid("TRADE_SUCCESS"), self.refund())
    }

    fn fully_refunded(&self) -> Fields {
        let closed = with(self.paid("TRADE_CLOSED"), self.refund());
        with(closed, [("gmt_close", stamp(self.purchase.refunded_at()))])
    }

    /// `refund_fee` is the total so far, not this refund.
    fn refund(&self) -> [(&'static str, String); 3] {
        let total: Money = self.purchase.refund();
        [
            ("refund_fee", total.to_decimal()),
            ("gmt_refund", format!("{}.123", stamp(self.purchase.refunded_at()))),
            ("out_biz_no", self.purchase.refund_no()),
        ]
    }

    fn charged(&self) -> Fields {
        let agreement = [
            ("agreement_no", self.agreement_no.clone()),
            ("external_agreement_no", self.purchase.agreement.clone()),
        ];
        with(self.paid("TRADE_SUCCESS"), agreement)
    }

    fn signed(&self) -> Fields {
        let times = [
            ("status", "NORMAL".to_owned()),
            ("valid_time", stamp(self.purchase.created_at())),
            // As good as never.
            ("invalid_time", "2115-02-01 00:00:00".to_owned()),
        ];
        with(self.agreement("dut_user_sign"), times)
    }

    fn ended(&self) -> Fields {
        let at = stamp(self.purchase.ended_at());
        let end = [("status", "UNSIGN".to_owned()), ("unsign_time", at)];
        with(self.agreement("dut_user_unsign"), end)
    }

    fn agreement(&self, notify_type: &str) -> Fields {
        let agreement = [
            ("agreement_no", self.agreement_no.clone()),
            ("external_agreement_no", self.purchase.agreement.clone()),
            ("alipay_user_id", self.buyer_id.clone()),
            ("alipay_logon_id", "159****5620".to_owned()),
            ("personal_product_code", "CYCLE_PAY_AUTH_P".to_owned()),
            ("sign_scene", "INDUSTRY|DIGITAL_MEDIA".to_owned()),
            ("sign_time", stamp(self.purchase.created_at())),
        ];
        with(self.notice(notify_type, self.purchase.paid_at()), agreement)
    }

    fn return_link(&self) -> Fields {
        vec![
            ("charset", "utf-8".to_owned()),
            ("out_trade_no", self.purchase.order_no.clone()),
            ("method", "alipay.trade.page.pay.return".to_owned()),
            ("total_amount", self.purchase.amount.to_decimal()),
            ("trade_no", self.trade_no.clone()),
            ("auth_app_id", self.app_id.clone()),
            ("version", "1.0".to_owned()),
            ("app_id", self.app_id.clone()),
            ("seller_id", self.seller_id.clone()),
            ("timestamp", stamp(self.purchase.paid_at())),
        ]
    }

    fn service_message(&self) -> Fields {
        let commodity = ("commodity_order_id", self.purchase.order_no.clone());
        with(self.notice("servicemarket_order_notify", self.purchase.paid_at()), [commodity])
    }
}

fn with(mut fields: Fields, more: impl IntoIterator<Item = (&'static str, String)>) -> Fields {
    fields.extend(more);
    fields
}

/// Alipay's clock stands at +08:00.
fn stamp(at: OffsetDateTime) -> String {
    format(TIME, at)
}

fn format(form: &[BorrowedFormatItem<'_>], at: OffsetDateTime) -> String {
    // Years of four digits always format.
    at.to_offset(offset!(+8)).format(form).unwrap_or_default()
}
