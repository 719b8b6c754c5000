//! One invented purchase, and the fields that Alipay would tell of it.

use rand::rngs::StdRng;
use rand::{Rng as _, SeedableRng as _};
use shared::money::Money;
use time::format_description::BorrowedFormatItem;
use time::macros::{datetime, format_description};
use time::{Duration, PrimitiveDateTime};

use super::super::Terms;
use super::Scenario;

/// The seller of an account that names none.
const SELLER_ID: &str = "2088102177890000";
const TIME: &[BorrowedFormatItem<'_>] =
    format_description!("[year]-[month]-[day] [hour]:[minute]:[second]");
const DAY: &[BorrowedFormatItem<'_>] = format_description!("[year][month][day]");
/// Purchases fall within half a year from here, by their seed.
const FIRST: PrimitiveDateTime = datetime!(2026-01-01 00:00:00);
const SPREAD_S: i64 = 180 * 86_400;

pub(super) type Fields = Vec<(&'static str, String)>;

/// Its numbers and instants, by the seed.
pub(super) struct Purchase {
    app_id: String,
    seller_id: String,
    order_no: String,
    amount: Money,
    created_at: PrimitiveDateTime,
    trade_no: String,
    notify_id: String,
    buyer_id: String,
}

impl Purchase {
    pub(super) fn new(scenario: Scenario, terms: &Terms) -> Self {
        let mut chance = StdRng::seed_from_u64(terms.seed);
        let created_at = FIRST + Duration::seconds(chance.gen_range(0..SPREAD_S));
        let buyer_id = format!("2088{}", digits(&mut chance, 12));
        let day = created_at.format(DAY).unwrap_or_default();
        let mut of_trade = chance_of(terms.seed, 1_000 + scenario.transaction());
        let mut of_notification = chance_of(terms.seed, scenario.notification());
        let seller_id = terms.seller_id.as_deref().unwrap_or(SELLER_ID);
        let more = i64::from(scenario == Scenario::WrongAmount);
        Self {
            app_id: another_if(scenario == Scenario::WrongApp, &terms.app_id),
            seller_id: another_if(scenario == Scenario::WrongSeller, seller_id),
            order_no: terms.order_no.clone(),
            amount: Money { minor: terms.amount.minor.saturating_add(more), ..terms.amount },
            created_at,
            trade_no: format!("{day}22001{}", digits(&mut of_trade, 15)),
            notify_id: format!("{day}00222{}", digits(&mut of_notification, 21)),
            buyer_id,
        }
    }

    fn paid_at(&self) -> PrimitiveDateTime {
        self.created_at + Duration::seconds(20)
    }

    /// What stands in every message, whatever its type.
    fn notice(&self, notify_type: &str, at: PrimitiveDateTime) -> Fields {
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

    pub(super) fn trade(&self, status: &str) -> Fields {
        let notice = self.notice("trade_status_sync", self.paid_at() + Duration::seconds(2));
        let trade = [
            ("trade_no", self.trade_no.clone()),
            ("out_trade_no", self.order_no.clone()),
            ("buyer_id", self.buyer_id.clone()),
            ("buyer_logon_id", "159****5620".to_owned()),
            ("seller_id", self.seller_id.clone()),
            ("trade_status", status.to_owned()),
            ("total_amount", self.amount.to_decimal()),
            // Signs that a careless decoder would decode twice.
            ("subject", "测试商品 50% off + gift".to_owned()),
            ("gmt_create", stamp(self.created_at)),
        ];
        with(notice, trade)
    }

    pub(super) fn paid(&self, status: &str) -> Fields {
        let amount = self.amount.to_decimal();
        let bills = format!(r#"[{{"amount":"{amount}","fundChannel":"ALIPAYACCOUNT"}}]"#);
        let payment = [
            ("receipt_amount", amount.clone()),
            ("invoice_amount", amount.clone()),
            ("buyer_pay_amount", amount),
            ("point_amount", "0.00".to_owned()),
            ("gmt_payment", stamp(self.paid_at())),
            ("fund_bill_list", bills),
        ];
        with(self.trade(status), payment)
    }

    pub(super) fn closed(&self) -> Fields {
        let at = stamp(self.created_at + Duration::minutes(15));
        with(self.trade("TRADE_CLOSED"), [("gmt_close", at)])
    }

    pub(super) fn finished(&self) -> Fields {
        let at = stamp(self.paid_at() + Duration::days(90));
        with(self.paid("TRADE_FINISHED"), [("gmt_close", at)])
    }

    pub(super) fn partly_refunded(&self) -> Fields {
        let half = Money { minor: (self.amount.minor / 2).max(1), ..self.amount };
        let at = self.paid_at() + Duration::hours(1);
        with(self.paid("TRADE_SUCCESS"), self.refund(half, at, "R1"))
    }

    pub(super) fn fully_refunded(&self) -> Fields {
        let at = self.paid_at() + Duration::hours(2);
        let closed = with(self.paid("TRADE_CLOSED"), self.refund(self.amount, at, "R2"));
        with(closed, [("gmt_close", stamp(at))])
    }

    /// `refund_fee` is the total so far, not this refund.
    fn refund(
        &self,
        total: Money,
        at: PrimitiveDateTime,
        number: &str,
    ) -> [(&'static str, String); 3] {
        [
            ("refund_fee", total.to_decimal()),
            ("gmt_refund", format!("{}.123", stamp(at))),
            ("out_biz_no", format!("{}-{number}", self.order_no)),
        ]
    }

    pub(super) fn return_link(&self) -> Fields {
        vec![
            ("charset", "utf-8".to_owned()),
            ("out_trade_no", self.order_no.clone()),
            ("method", "alipay.trade.page.pay.return".to_owned()),
            ("total_amount", self.amount.to_decimal()),
            ("trade_no", self.trade_no.clone()),
            ("auth_app_id", self.app_id.clone()),
            ("version", "1.0".to_owned()),
            ("app_id", self.app_id.clone()),
            ("seller_id", self.seller_id.clone()),
            ("timestamp", stamp(self.paid_at())),
        ]
    }

    pub(super) fn service_message(&self) -> Fields {
        let commodity = ("commodity_order_id", self.order_no.clone());
        with(self.notice("servicemarket_order_notify", self.paid_at()), [commodity])
    }
}

fn with(mut fields: Fields, more: impl IntoIterator<Item = (&'static str, String)>) -> Fields {
    fields.extend(more);
    fields
}

fn stamp(at: PrimitiveDateTime) -> String {
    // Years of four digits always format.
    at.format(TIME).unwrap_or_default()
}

fn chance_of(seed: u64, stream: u64) -> StdRng {
    StdRng::seed_from_u64(seed.wrapping_add((stream + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15)))
}

fn digits(chance: &mut StdRng, count: usize) -> String {
    (0..count).map(|_| char::from(b'0' + chance.gen_range(0..10_u8))).collect()
}

/// The number, or one of the same form that is another's.
fn another_if(wrong: bool, number: &str) -> String {
    let mut other = number.to_owned();
    if wrong {
        let last = other.pop().unwrap_or('0');
        other.push(if last == '7' { '8' } else { '7' });
    }
    other
}
