//! The real door on a loopback port, in front of a broker that only collects.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use ingress::certificates::Certificates;
use ingress::enqueue::Enqueue;
use ingress::rejections::Rejections;
use ingress::return_page::standings::Standings;
use ingress::return_page::{self, Pages};
use ingress::routes::{self, router};
use shared::broker::{PublishError, Publisher, Route};
use shared::config::account::Choices;
use shared::config::return_to::ReturnTo;
use shared::listen::{Capacity, listen};
use shared::message::parcel::Parcel;
use shared::message::seal::SealKeys;
use shared::provider::{Account, Accounts, Scheme};
use shared::telemetry::metrics_text;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

use crate::sender::account as alipay;

pub(crate) const BODY_LIMIT: usize = 4096;
pub(crate) const FORM: &str = "content-type: application/x-www-form-urlencoded; charset=utf-8\r\n";
const BODY_TIMEOUT: Duration = Duration::from_millis(300);
/// How long a return page waits for its order, in these tests.
const RETURN_PATIENCE: Duration = Duration::from_millis(300);
/// Far beyond what any answer takes.
const PATIENCE: Duration = Duration::from_secs(20);

/// The edge of these tests: what a broker would hold.
#[derive(Clone, Default)]
pub(crate) struct Collector {
    pub(crate) parcels: Arc<Mutex<Vec<Parcel>>>,
    pub(crate) refusal: Option<PublishError>,
    /// Who is asked for certificates.
    pub(crate) certificates: Option<fn() -> reqwest::ClientBuilder>,
}

/// A door of its own for each test, whose account bears the test's name: counters are told apart by it.
pub(crate) struct Door {
    account: &'static str,
    /// The provider's reject form.
    reject: &'static str,
    pub(crate) address: std::net::SocketAddr,
    collector: Collector,
    /// What the return pages know of orders.
    pub(crate) standings: Standings,
    stop: CancellationToken,
}

/// An HTTP answer, taken apart.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) head: String,
    pub(crate) body: String,
}

impl Publisher for Collector {
    async fn publish(&self, _: Route, parcel: Parcel) -> Result<(), PublishError> {
        match &self.refusal {
            Some(refusal) => Err(refusal.clone()),
            None => {
                self.parcels.lock().unwrap().push(parcel);
                Ok(())
            }
        }
    }

    async fn probe(&self) -> Result<(), PublishError> {
        Ok(())
    }
}

impl Door {
    pub(crate) async fn open(account: &'static str) -> Self {
        Self::before(alipay(account), Collector::default(), BTreeMap::new(), account).await
    }

    /// A door for an account of any provider.
    pub(crate) async fn of(name: &'static str, scheme: Scheme) -> Self {
        let account = Account { name: name.to_owned(), scheme };
        Self::before(account, Collector::default(), BTreeMap::new(), name).await
    }

    /// A door before a broker that takes nothing.
    pub(crate) async fn refusing(account: &'static str, refusal: PublishError) -> Self {
        Self::of_refusing(account, alipay(account).scheme, refusal).await
    }

    /// The same for an account of any provider.
    pub(crate) async fn of_refusing(
        name: &'static str,
        scheme: Scheme,
        refusal: PublishError,
    ) -> Self {
        let account = Account { name: name.to_owned(), scheme };
        let collector = Collector { refusal: Some(refusal), ..Collector::default() };
        Self::before(account, collector, BTreeMap::new(), name).await
    }

    /// A door that fetches certificates with clients of this kind.
    pub(crate) async fn fetching(
        name: &'static str,
        scheme: Scheme,
        certificates: fn() -> reqwest::ClientBuilder,
    ) -> Self {
        let account = Account { name: name.to_owned(), scheme };
        let collector = Collector { certificates: Some(certificates), ..Collector::default() };
        Self::before(account, collector, BTreeMap::new(), name).await
    }

    /// A door that sends its payers on.
    pub(crate) async fn sending_on(account: &'static str, target: &str) -> Self {
        let target = ReturnTo::parse(target).unwrap();
        let return_to = BTreeMap::from([(account.to_owned(), target)]);
        Self::before(alipay(account), Collector::default(), return_to, account).await
    }

    /// A door that holds so many connections, and waits so long for a body.
    pub(crate) async fn holding(
        account: &'static str,
        capacity: Capacity,
        body_timeout: Duration,
    ) -> Self {
        let no_return_to = (Collector::default(), BTreeMap::new());
        Self::letting(alipay(account), no_return_to, account, (capacity, body_timeout)).await
    }

    async fn before(
        account: Account,
        collector: Collector,
        return_to: BTreeMap<String, ReturnTo>,
        name: &'static str,
    ) -> Self {
        let limits = (Capacity::default(), BODY_TIMEOUT);
        Self::letting(account, (collector, return_to), name, limits).await
    }

    async fn letting(
        account: Account,
        (collector, return_to): (Collector, BTreeMap<String, ReturnTo>),
        name: &'static str,
        (capacity, body_timeout): (Capacity, Duration),
    ) -> Self {
        // Whoever counts first installs the counters.
        metrics_text();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let reject = account.provider().reject().body;
        let accounts = Accounts(HashMap::from([(name.to_owned(), account)]));
        let (accounts, stop) = (watch::channel(Arc::new(accounts)).1, CancellationToken::new());
        let standings = Standings::default();
        let choices = Choices { return_to, ..Choices::default() };
        let pages = Pages {
            accounts: accounts.clone(),
            choices: watch::channel(Arc::new(choices)).1,
            standings: standings.clone(),
            patience: RETURN_PATIENCE,
            body_timeout: BODY_TIMEOUT,
            stop: stop.clone(),
        };
        let door = routes::Door {
            accounts,
            enqueue: Enqueue::new(collector.clone(), SealKeys::generate(), 1),
            quarantine: None,
            certificates: collector
                .certificates
                .map_or_else(Certificates::default, Certificates::new),
            rejections: Rejections::default(),
            body_limit_bytes: BODY_LIMIT,
            body_timeout,
        };
        let routes = router(door).merge(return_page::router(pages));
        let listener = (listener, capacity);
        tokio::spawn(listen(routes, listener, stop.clone(), Duration::ZERO));
        Self { account: name, reject, address, collector, standings, stop }
    }

    /// Posts a form to the account.
    pub(crate) async fn post(&self, body: &[u8]) -> Answer {
        self.post_to("", FORM, body).await
    }

    /// Posts with this query string and these headers.
    pub(crate) async fn post_to(&self, query: &str, headers: &str, body: &[u8]) -> Answer {
        let path = format!("/notify/{}{query}", self.account);
        let headers = format!("{headers}content-length: {}\r\n", body.len());
        self.send("POST", &path, &headers, body).await
    }

    /// Sends any request and reads the answer to its end.
    pub(crate) async fn send(
        &self,
        method: &str,
        path: &str,
        headers: &str,
        body: &[u8],
    ) -> Answer {
        let head = format!(
            "{method} {path} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n{headers}\r\n"
        );
        self.raw(&[head.as_bytes(), body].concat(), false).await
    }

    /// Sends these bytes, perhaps nothing ever after them, and reads the answer to its end.
    pub(crate) async fn raw(&self, request: &[u8], and_break_off: bool) -> Answer {
        let exchange = async {
            let mut stream = TcpStream::connect(self.address).await.unwrap();
            stream.write_all(request).await.unwrap();
            if and_break_off {
                stream.shutdown().await.unwrap();
            }
            let mut answer = vec![];
            stream.read_to_end(&mut answer).await.unwrap();
            String::from_utf8(answer).unwrap()
        };
        let text = timeout(PATIENCE, exchange).await.expect("an answer in time");
        let (head, body) = text.split_once("\r\n\r\n").expect("a whole answer");
        let status = head.split(' ').nth(1).unwrap().parse().unwrap();
        Answer { status, head: head.to_lowercase(), body: body.to_owned() }
    }

    /// Comes back as a payer does, by a link with this query.
    pub(crate) async fn come_back(&self, query: &str, headers: &str) -> Answer {
        let path = format!("/return/{}?{query}", self.account);
        self.send("GET", &path, headers, b"").await
    }

    pub(crate) fn path(&self) -> String {
        format!("/notify/{}", self.account)
    }

    /// What would have been enqueued so far.
    pub(crate) fn enqueued(&self) -> Vec<Parcel> {
        self.collector.parcels.lock().unwrap().clone()
    }

    /// How often requests to this account ended for this reason.
    pub(crate) fn counted(&self, reason: &str) -> u64 {
        counted(self.account, reason)
    }

    /// The answer is the reject form with this status; nothing is enqueued, and the reason counted.
    pub(crate) fn rejected(&self, answer: &Answer, status: u16, (reason, times): (&str, u64)) {
        assert_eq!((answer.status, answer.body.as_str()), (status, self.reject), "{answer:?}");
        assert_eq!(self.enqueued(), [], "nothing is enqueued");
        assert_eq!(self.counted(reason), times, "{reason}");
    }
}

impl Drop for Door {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

pub(crate) fn counted(account: &str, reason: &str) -> u64 {
    let labels = [format!("account=\"{account}\""), format!("reason=\"{reason}\"")];
    let text = metrics_text();
    let mut lines = text.lines().filter(|line| line.starts_with("quittance_notifications_total{"));
    let line = lines.find(|line| labels.iter().all(|label| line.contains(label)));
    line.map_or(0, |line| line.rsplit(' ').next().unwrap().parse().unwrap())
}
