//! Genuine notifications at a steady rate, alone and beside forged ones: which share is accepted, and how fast.

use std::fs;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, ensure};
use harness::alipay::Signer;
use harness::installation::{Door, Installation};
use harness::wait;
use tokio::task::JoinSet;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::load::{Answer, Connection};
use super::report::Report;

/// Of what the door accepts alone, so that the rate itself is no strain.
const SHARE: f64 = 0.05;
const FORGED_PER_GENUINE: f64 = 10.0;
const SPAN: Duration = Duration::from_secs(10);
/// Connections of the genuine, and of the forged: more than twice as many as a door has threads.
const CONNECTIONS: usize = 64;
const FLOODING_CONNECTIONS: usize = 512;

/// Genuine requests of one phase, timed from when each was due, so that one that had to wait counts as late.
struct Heard {
    offered: usize,
    accepted: usize,
    latencies: Vec<Duration>,
}

impl Heard {
    fn percentile(&self, percent: usize) -> Duration {
        let index = self.latencies.len() * percent / 100;
        self.latencies
            .get(index.min(self.latencies.len().saturating_sub(1)))
            .copied()
            .unwrap_or_default()
    }
}

/// Measures, and adds the lines to the report. `accepted` is the rate of one door alone.
pub(crate) async fn measure(
    installation: &Installation,
    genuine: &[Arc<str>],
    accepted: f64,
    report: &mut Report,
) -> anyhow::Result<()> {
    let rate = accepted * SHARE;
    eprintln!("genuine ones at {rate:.0}/s, alone and beside forged ones");
    let forged = forged(genuine)?;
    let mut door = installation.ingress().await?;
    let alone = steady(&door, genuine, rate).await?;
    report.heard("genuine alone, at 5 % of what one ingress accepts", &alone, &alone);

    let flood = Flood::start(&door, &forged, Some(rate * FORGED_PER_GENUINE), CONNECTIONS);
    let beside = steady(&door, genuine, rate).await?;
    let answered = flood.stop().await?;
    let ratio = answered as f64 / beside.offered as f64;
    report.heard(&format!("genuine beside {ratio:.0} times as many forged"), &beside, &alone);

    let flood = Flood::start(&door, &forged, None, FLOODING_CONNECTIONS);
    let beside = steady(&door, genuine, rate).await?;
    let answered = flood.stop().await?;
    let ratio = answered as f64 / beside.offered as f64;
    let what = format!("genuine beside forged without end, {ratio:.0} times as many");
    report.heard(&what, &beside, &alone);

    let cost = |seconds: f64, count: u64| seconds / count as f64;
    let (before, begun) = (cpu(&door)?, Instant::now());
    let flood = Flood::start(&door, &forged, None, CONNECTIONS);
    wait::until_then(begun + SPAN).await;
    let answered = flood.stop().await?;
    let of_forged = cost(cpu(&door)? - before, answered);
    let before = cpu(&door)?;
    let burst = &genuine[..genuine.len().min(10_000)];
    super::load::send(&door.url, burst).await?;
    let of_genuine = cost(cpu(&door)? - before, burst.len() as u64);
    report.ratio("a forged one's CPU, of a genuine one's", of_forged / of_genuine);
    door.program.terminate().await?;
    Ok(())
}

/// In turns: one letter of what was signed is another; garbage of the same length; signed by a key that nobody
/// knows.
fn forged(genuine: &[Arc<str>]) -> anyhow::Result<Vec<Arc<str>>> {
    let unknown = harness::driver::payments(&Signer::generate()?, 100, 0, 9)?;
    let mut forged = vec![];
    for (body, stranger) in genuine.iter().zip(&unknown.bodies) {
        let changed = body.replacen("2026", "2027", 1);
        ensure!(changed != **body, "nothing to change");
        forged.extend([changed.into(), "%".repeat(body.len()).into(), Arc::clone(stranger)]);
    }
    Ok(forged)
}

/// Sends at this rate, whether or not answers come.
async fn steady(door: &Door, bodies: &[Arc<str>], rate: f64) -> anyhow::Result<Heard> {
    let offered = (rate * SPAN.as_secs_f64()) as usize;
    let begun = Instant::now();
    let mut senders = JoinSet::new();
    for first in 0..CONNECTIONS {
        let bodies: Vec<_> = bodies
            .iter()
            .cycle()
            .skip(first)
            .step_by(CONNECTIONS)
            .take(offered.div_ceil(CONNECTIONS))
            .cloned()
            .collect();
        let url = door.url.clone();
        senders.spawn(async move {
            let mut connection = Connection::open(&url).await?;
            let mut answers = vec![];
            for (turn, body) in bodies.iter().enumerate() {
                let due =
                    begun + Duration::from_secs_f64((turn * CONNECTIONS + first) as f64 / rate);
                wait::until_then(due).await;
                let answer = connection.post(body).await?;
                answers.push((answer, due.elapsed()));
            }
            anyhow::Ok(answers)
        });
    }
    let mut heard = Heard { offered: 0, accepted: 0, latencies: vec![] };
    while let Some(sender) = senders.join_next().await {
        for (answer, latency) in sender?? {
            heard.offered += 1;
            heard.accepted += usize::from(answer == Answer::Accepted);
            heard.latencies.push(latency);
        }
    }
    heard.latencies.sort();
    Ok(heard)
}

/// Forged requests until told to stop.
struct Flood {
    stop: CancellationToken,
    senders: JoinSet<anyhow::Result<u64>>,
}

impl Flood {
    /// At this rate, or as fast as they are answered.
    fn start(door: &Door, bodies: &[Arc<str>], rate: Option<f64>, connections: usize) -> Self {
        let (stop, begun) = (CancellationToken::new(), Instant::now());
        let mut senders = JoinSet::new();
        for first in 0..connections {
            let (stop, url, bodies) = (stop.clone(), door.url.clone(), bodies.to_vec());
            senders.spawn(async move {
                let mut connection = Connection::open(&url).await?;
                let mut answered = 0;
                for (turn, body) in bodies.iter().cycle().skip(first).enumerate() {
                    if let Some(rate) = rate {
                        let at = (turn * connections + first) as f64 / rate;
                        wait::until_then(begun + Duration::from_secs_f64(at)).await;
                    }
                    if stop.is_cancelled() {
                        break;
                    }
                    let answer = connection.post(body).await?;
                    ensure!(answer == Answer::Refused, "a forged one was accepted");
                    answered += 1;
                }
                Ok(answered)
            });
        }
        Self { stop, senders }
    }

    /// How many were answered.
    async fn stop(mut self) -> anyhow::Result<u64> {
        self.stop.cancel();
        let mut answered = 0;
        while let Some(sender) = self.senders.join_next().await {
            answered += sender??;
        }
        Ok(answered)
    }
}

/// Seconds of CPU that a door has used. Source: proc(5), /proc/[pid]/stat, in ticks of 10 ms.
fn cpu(door: &Door) -> anyhow::Result<f64> {
    let pid = door.program.pid().context("it has ended")?;
    let stat = fs::read_to_string(format!("/proc/{pid}/stat"))?;
    let (_, fields) = stat.rsplit_once(") ").context("not a stat")?;
    let ticks = fields.split(' ').skip(11).take(2).map(str::parse::<f64>);
    Ok(ticks.sum::<Result<f64, _>>()? / 100.0)
}

impl Report {
    fn heard(&mut self, what: &str, heard: &Heard, alone: &Heard) {
        let share = heard.accepted as f64 / heard.offered as f64 * 100.0;
        let ms = |percent| heard.percentile(percent).as_secs_f64() * 1_000.0;
        let times = |percent| ms(percent) / (alone.percentile(percent).as_secs_f64() * 1_000.0);
        self.line(format!(
            "{what}: {share:.1} % accepted, p50 {:.1} ms (× {:.1}), p99 {:.1} ms (× {:.1})",
            ms(50),
            times(50),
            ms(99),
            times(99)
        ));
    }

    fn ratio(&mut self, what: &str, ratio: f64) {
        self.line(format!("{what}: {:.0} %", ratio * 100.0));
    }
}
