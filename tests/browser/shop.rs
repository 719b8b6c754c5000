//! A shop with one order, on either pair of engines, and the provider that is paid for it.

use harness::alipay::{APP_ID, SELLER_ID, Trade};
use harness::driver::post;
use harness::installation::{ACCOUNT, Addresses, Door, Installation};
use harness::program::Program;

/// What is bought.
pub(crate) const ORDER_NO: &str = "A-20261123-0001";
pub(crate) const AMOUNT: i64 = 12_800;
/// The number under which the provider was asked for it.
const NUMBER: &str = "A-20261123-0001-2";

/// What runs; ended when dropped.
pub(crate) struct Shop {
    installation: Installation,
    door: Door,
    _worker: Option<Program>,
}

impl Shop {
    /// The whole system in one process.
    pub(crate) async fn embedded() -> anyhow::Result<Self> {
        let installation = Installation::embedded()?;
        let door = installation.serve(Addresses::free()?).await?;
        Self::open(installation, door, None)
    }

    /// An ingress and a worker, on RabbitMQ and PostgreSQL.
    pub(crate) async fn on_servers() -> anyhow::Result<Self> {
        let installation = Installation::on_servers().await?;
        let (door, worker) = (installation.ingress().await?, installation.worker(&[]).await?);
        Self::open(installation, door, Some(worker))
    }

    fn open(
        installation: Installation,
        door: Door,
        worker: Option<Program>,
    ) -> anyhow::Result<Self> {
        let order = format!(
            "{{\"order_no\":\"{ORDER_NO}\",\"amount\":{AMOUNT},\"currency\":\"CNY\",\
             \"numbers\":[\"{NUMBER}\"]}}\n"
        );
        std::fs::write(installation.path("orders.jsonl"), order)?;
        let file = installation.path("orders.jsonl").display().to_string();
        installation.answer(&["orders", "import", &file])?;
        Ok(Self { installation, door, _worker: worker })
    }

    /// The link that the provider makes the payer's browser open.
    pub(crate) fn link(&self) -> anyhow::Result<String> {
        let amount = format!("{}.{:02}", AMOUNT / 100, AMOUNT % 100);
        let query = self.installation.signer.sign(vec![
            ("charset", b"utf-8"),
            ("out_trade_no", NUMBER.as_bytes()),
            ("method", b"alipay.trade.wap.pay.return"),
            ("total_amount", amount.as_bytes()),
            ("trade_no", b"2026112322001400001111111111"),
            ("auth_app_id", APP_ID.as_bytes()),
            ("version", b"1.0"),
            ("app_id", APP_ID.as_bytes()),
            ("seller_id", SELLER_ID.as_bytes()),
            ("timestamp", b"2026-11-23 12:00:10"),
        ])?;
        Ok(format!("{}?{query}", self.door.url.replace("/notify/", "/return/")))
    }

    /// The provider notifies that the order is paid.
    pub(crate) async fn is_paid(&self) -> anyhow::Result<()> {
        let body = self.installation.signer.body(&Trade {
            order_number: NUMBER,
            transaction: "2026112322001400001111111111",
            notify_id: "2026112300222120005000011111111111",
            status: "TRADE_SUCCESS",
            amount: AMOUNT,
            refunded: None,
        })?;
        let answer = post(&reqwest::Client::new(), &self.door.url, &body).await?;
        anyhow::ensure!(answer == (200, "success".to_owned()), "{answer:?} for {ACCOUNT}");
        Ok(())
    }
}
