//! Genuine notifications, signed and proven once: each run takes some of their orders.

use std::sync::{Arc, LazyLock};

use anyhow::Context as _;
use bytes::Bytes;
use harness::alipay::{APP_ID, SELLER_ID, Signer, Trade};
use shared::order::OrderStatus;
use shared::provider::alipay::{Settings, SignType};
use shared::provider::public_key::PublicKey;
use shared::provider::{Account, Reader, Readers, Request, Scheme, Verified, verify};
use time::macros::datetime;

/// The workers know it from the beginning.
const SHOP: &str = "shop";
/// The doors know it from the beginning, and the workers only later.
const NEW_SHOP: &str = "new-shop";
const ORDERS: usize = 60;

pub(crate) static POOL: LazyLock<anyhow::Result<Vec<Arc<Order>>>> = LazyLock::new(|| {
    let signer = Signer::generate()?;
    (0..ORDERS).map(|place| Order::signed(&signer, place).map(Arc::new)).collect()
});

/// What becomes of an order once all of its notifications were heard.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Ending {
    Paid,
    /// The shop writes it while its notification comes.
    PaidLate,
    /// To an account that the workers do not know at first: a dead letter, which a replay settles.
    PaidToNewShop,
    PartiallyRefunded,
    Refunded,
    /// Another amount than ordered: a case.
    Mismatched,
    /// Closed without a payment.
    Closed,
    /// Nobody ever orders it: a case at its deadline.
    Unknown,
    /// Genuine and not readable: a dead letter, now and whenever it is replayed.
    Unreadable,
}

/// One order with what a provider tells about it.
pub(crate) struct Order {
    pub(crate) number: String,
    pub(crate) amount: i64,
    pub(crate) ending: Ending,
    pub(crate) notes: Vec<Note>,
}

pub(crate) struct Note {
    pub(crate) verified: Verified,
    pub(crate) body: Bytes,
}

impl Ending {
    const ALL: [Self; 9] = [
        Self::Paid,
        Self::PaidLate,
        Self::PaidToNewShop,
        Self::PartiallyRefunded,
        Self::Refunded,
        Self::Mismatched,
        Self::Closed,
        Self::Unknown,
        Self::Unreadable,
    ];

    /// Where the order stands in the end; nothing where there is no such order.
    pub(crate) fn status(self) -> Option<OrderStatus> {
        match self {
            Self::Paid | Self::PaidLate | Self::PaidToNewShop => Some(OrderStatus::Paid),
            Self::PartiallyRefunded => Some(OrderStatus::PartiallyRefunded),
            Self::Refunded => Some(OrderStatus::Refunded),
            Self::Mismatched | Self::Closed | Self::Unreadable => Some(OrderStatus::Pending),
            Self::Unknown => None,
        }
    }

    /// How many cases are open about it in the end.
    pub(crate) fn cases(self) -> usize {
        usize::from(matches!(self, Self::Mismatched | Self::Unknown))
    }
}

impl Order {
    /// Paid, and given back, in the end.
    pub(crate) fn amounts(&self) -> (i64, i64) {
        match self.ending {
            Ending::Paid | Ending::PaidLate | Ending::PaidToNewShop => (self.amount, 0),
            Ending::PartiallyRefunded => (self.amount, self.amount / 3),
            Ending::Refunded => (self.amount, self.amount),
            Ending::Mismatched | Ending::Closed | Ending::Unknown | Ending::Unreadable => (0, 0),
        }
    }

    fn signed(signer: &Signer, place: usize) -> anyhow::Result<Self> {
        let (number, amount) = (format!("S{place:03}"), 100 + i64::try_from(place)? * 37);
        // Half of all are plainly paid.
        let ending =
            if place.is_multiple_of(2) { Ending::Paid } else { Ending::ALL[place / 2 % 9] };
        let account =
            account(signer, if ending == Ending::PaidToNewShop { NEW_SHOP } else { SHOP })?;
        let mut order = Self { number, amount, ending, notes: vec![] };
        for body in order.bodies(signer, place)? {
            let body = Bytes::from(body);
            let form = b"application/x-www-form-urlencoded; charset=utf-8";
            let headers = [("content-type", &form[..])];
            let request = Request::admit(account.provider(), headers.into_iter(), body.clone());
            let now = datetime!(2026-11-23 04:05 UTC);
            let verified = verify(&account, request.ok().context("not admitted")?, now);
            order.notes.push(Note { verified: verified.ok().context("not genuine")?, body });
        }
        Ok(order)
    }

    fn bodies(&self, signer: &Signer, place: usize) -> anyhow::Result<Vec<String>> {
        let transaction = format!("20261123{place:016}");
        let trade = |part: i32, status, amount, refunded| {
            let notify_id = format!("2026112300222{place:012}{part}");
            let (order_number, transaction) = (&self.number[..], &transaction[..]);
            let notify_id = &notify_id[..];
            signer.body(&Trade { order_number, transaction, notify_id, status, amount, refunded })
        };
        let amount = self.amount;
        let paid = || trade(0, "TRADE_SUCCESS", amount, None);
        Ok(match self.ending {
            Ending::Paid | Ending::PaidLate | Ending::PaidToNewShop | Ending::Unknown => {
                vec![paid()?]
            }
            Ending::PartiallyRefunded => {
                vec![paid()?, trade(1, "TRADE_SUCCESS", amount, Some(amount / 3))?]
            }
            Ending::Refunded => vec![
                paid()?,
                trade(1, "TRADE_SUCCESS", amount, Some(amount / 2))?,
                trade(2, "TRADE_CLOSED", amount, Some(amount))?,
            ],
            Ending::Mismatched => vec![trade(0, "TRADE_SUCCESS", amount - 1, None)?],
            Ending::Closed => vec![trade(0, "TRADE_CLOSED", amount, None)?],
            Ending::Unreadable => vec![self.unreadable(signer, place)?],
        })
    }

    /// Genuine, with an amount that is none.
    fn unreadable(&self, signer: &Signer, place: usize) -> anyhow::Result<String> {
        signer.sign(vec![
            ("notify_type", b"trade_status_sync"),
            ("notify_id", format!("20261123002229{place:012}").as_bytes()),
            ("app_id", APP_ID.as_bytes()),
            ("seller_id", SELLER_ID.as_bytes()),
            ("trade_no", b"t-1"),
            ("out_trade_no", self.number.as_bytes()),
            ("trade_status", b"TRADE_SUCCESS"),
            ("total_amount", b"1e3"),
            ("gmt_payment", b"2026-11-23 12:00:03"),
        ])
    }
}

/// What the workers can read: at first, and once somebody has mended their configuration.
pub(crate) fn readers(mended: bool) -> Readers {
    let names = if mended { &[SHOP, NEW_SHOP][..] } else { &[SHOP] };
    Readers(names.iter().map(|name| ((*name).to_owned(), Reader::Alipay(()))).collect())
}

fn account(signer: &Signer, name: &str) -> anyhow::Result<Account> {
    let settings = Settings {
        app_id: APP_ID.to_owned(),
        seller_id: Some(SELLER_ID.to_owned()),
        sign_type: SignType::RSA2,
        keys: vec![PublicKey::parse(&signer.public_key()?)?],
    };
    Ok(Account { name: name.to_owned(), scheme: Scheme::Alipay(settings) })
}
