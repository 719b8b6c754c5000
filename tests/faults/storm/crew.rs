//! Our own processes on the stage: two doors and two workers, each of which may end and begin again at its place.

use std::time::Duration;

use anyhow::Context as _;
use harness::clock::Clock;
use harness::installation::{Addresses, Installation};
use harness::ports;
use harness::program::Program;
use harness::wait;
use shared::crash::Point;

/// How long an armed worker may take to reach its point.
const CRASH_LIMIT: Duration = Duration::from_secs(15);

/// How long a worker may take to meet what it speaks of then.
const SAYS_LIMIT: Duration = Duration::from_secs(10);
/// How long until some worker relays: a lease that nobody releases is taken over after 5 s.
const RELAY_LIMIT: Duration = Duration::from_secs(10);
const HOUR_S: i64 = 3_600;

pub(crate) struct Crew {
    config: String,
    pub(crate) doors: [Member; 2],
    pub(crate) workers: [Member; 2],
}

/// A place for a process.
pub(crate) struct Member {
    addresses: Addresses,
    worker_admin: String,
    running: Option<Program>,
    is_poisoned: bool,
    /// Its own, where there can be one.
    clock: Option<Clock>,
}

impl Crew {
    pub(crate) fn start(installation: &Installation) -> anyhow::Result<Self> {
        let member = || {
            let worker_admin = format!("127.0.0.1:{}", ports::free()?);
            anyhow::Ok(Member {
                addresses: Addresses::free()?,
                worker_admin,
                running: None,
                is_poisoned: false,
                clock: Clock::new()?,
            })
        };
        let doors = [member()?, member()?];
        let mut crew =
            Self { config: installation.config(), doors, workers: [member()?, member()?] };
        for index in 0..2 {
            crew.start_door(index)?;
            crew.start_worker(index)?;
        }
        Ok(crew)
    }

    /// Waits until each says that it is ready.
    pub(crate) async fn ready(&mut self) -> anyhow::Result<()> {
        let doors = self.doors.iter_mut().map(|door| (door.addresses.admin_url(), door));
        let workers = self.workers.iter_mut();
        let workers = workers.map(|one| (format!("http://{}", one.worker_admin), one));
        for (admin, member) in doors.chain(workers) {
            let program = member.running.as_mut().context("it was not started")?;
            program.wait_ready(&format!("{admin}/readyz")).await?;
        }
        Ok(())
    }

    pub(crate) fn urls(&self) -> Vec<String> {
        self.doors.iter().map(|door| door.addresses.notify_url()).collect()
    }

    /// Nobody waits for it to be ready: it may have to wait for the fault's end.
    pub(crate) fn start_door(&mut self, index: usize) -> anyhow::Result<()> {
        let door = &mut self.doors[index];
        let addresses = door.addresses.clone();
        let mut variables = addresses.variables().to_vec();
        variables.push(("QUITTANCE__INGRESS__PUBLISH_TIMEOUT", "3s"));
        door.start("quittance-ingress", &self.config, &variables)
    }

    pub(crate) fn start_worker(&mut self, index: usize) -> anyhow::Result<()> {
        self.start_worker_as(index, "quittance-worker", &[])
    }

    pub(crate) fn start_missing_workers(&mut self) -> anyhow::Result<()> {
        for index in 0..2 {
            if self.workers[index].running.is_none() {
                self.start_worker(index)?;
            }
        }
        Ok(())
    }

    /// Both, from now on told to die at this point.
    pub(crate) async fn arm(&mut self, point: Point) -> anyhow::Result<()> {
        let counts = match point {
            // Little leads here.
            Point::Onward
            | Point::Swept
            | Point::Announced
            | Point::Marked
            | Point::Claimed
            | Point::Replayed => ["1", "1"],
            Point::Settling | Point::Settled | Point::Acknowledged | Point::Published => ["3", "6"],
        };
        for (index, count) in counts.into_iter().enumerate() {
            self.workers[index].kill().await?;
            let place = format!("{}:{count}", point.as_str());
            let armed = [("QUITTANCE_CRASH_AT", place.as_str())];
            self.start_worker_as(index, "quittance-worker-crashing", &armed)?;
        }
        Ok(())
    }

    /// Both, from now on dying whenever they read this text. Those that died begin again.
    pub(crate) async fn poison(&mut self, text: &str) -> anyhow::Result<()> {
        for index in 0..2 {
            let ended = self.workers[index].running.as_mut().is_some_and(Program::has_ended);
            if ended || !self.workers[index].is_poisoned {
                self.workers[index].kill().await?;
                let armed = [("QUITTANCE_CRASH_READING", text)];
                self.start_worker_as(index, "quittance-worker-crashing", &armed)?;
                self.workers[index].is_poisoned = true;
            }
        }
        Ok(())
    }

    /// The clocks of a door and of a worker step to so many hours from the true time.
    pub(crate) fn step_clocks(&self, index: usize, offset_h: i64) -> anyhow::Result<()> {
        for member in [&self.doors[index], &self.workers[index]] {
            match &member.clock {
                Some(clock) => clock.set(offset_h * HOUR_S)?,
                None => println!("left out: clock steps, as libfaketime is not installed"),
            }
        }
        Ok(())
    }

    /// Both as usual again; answers how many died at their point.
    pub(crate) async fn disarm(&mut self) -> anyhow::Result<usize> {
        let mut died = 0;
        for index in 0..2 {
            if let Some(program) = &mut self.workers[index].running {
                // Only the relay's holder reaches the relay's points.
                let limit = if died == 0 { CRASH_LIMIT } else { Duration::ZERO };
                died += usize::from(program.wait_end(limit).await.is_ok());
            }
            self.workers[index].kill().await?;
            self.start_worker(index)?;
        }
        Ok(died)
    }

    /// The place of the worker that was the last to begin relaying, as the logs tell.
    async fn relay_holder(&self) -> anyhow::Result<usize> {
        wait::until("a worker to relay events", RELAY_LIMIT, || async {
            let begun = self.workers.iter().map(Member::relaying_since).enumerate();
            begun.filter_map(|(index, at)| Some((at?, index))).max().map(|(_, index)| index)
        })
        .await
    }

    /// False when nobody relays, such as in a long outage.
    pub(crate) async fn kill_relay_holder(&mut self) -> anyhow::Result<bool> {
        let Ok(holder) = self.relay_holder().await else { return Ok(false) };
        self.workers[holder].kill().await?;
        Ok(true)
    }

    /// Does a worker say this, now or soon?
    pub(crate) async fn comes_to_say(&self, words: &str) -> bool {
        let says = || self.workers.iter().any(|worker| worker.log().contains(words));
        wait::until(words, SAYS_LIMIT, || async { says().then_some(()) }).await.is_ok()
    }

    /// The ends of all logs, to be read when something went wrong.
    pub(crate) fn explain(&self, error: anyhow::Error) -> anyhow::Error {
        let members = self.doors.iter().chain(&self.workers);
        members
            .filter_map(|member| member.running.as_ref())
            .fold(error, |error, program| program.explain(error))
    }

    fn start_worker_as(
        &mut self,
        index: usize,
        program: &str,
        more: &[(&str, &str)],
    ) -> anyhow::Result<()> {
        let worker = &mut self.workers[index];
        let admin = worker.worker_admin.clone();
        let mut variables = vec![("QUITTANCE__WORKER__ADMIN_LISTEN", admin.as_str())];
        variables.extend(more);
        worker.start(program, &self.config, &variables)
    }
}

impl Member {
    fn start(
        &mut self,
        program: &str,
        config: &str,
        variables: &[(&str, &str)],
    ) -> anyhow::Result<()> {
        let clock = self.clock.as_ref().map(Clock::variables).transpose()?;
        let mut all = variables.to_vec();
        all.extend(clock.iter().flatten().map(|(name, value)| (*name, value.as_str())));
        self.running = Some(Program::start(program, &["--config", config], &all)?);
        Ok(())
    }

    pub(crate) async fn kill(&mut self) -> anyhow::Result<()> {
        if let Some(mut program) = self.running.take() {
            program.kill().await?;
        }
        Ok(())
    }

    /// It must end well, whatever else is wrong: with 0, or because what it had in hand took too long.
    pub(crate) async fn terminate(&mut self) -> anyhow::Result<()> {
        if let Some(mut program) = self.running.take() {
            let status = program.terminate().await?;
            let ended = matches!(status.code(), Some(0 | 1));
            anyhow::ensure!(ended, "it ended with {status}: {}", program.stderr());
        }
        Ok(())
    }

    pub(crate) fn signal(&self, name: &str) -> anyhow::Result<()> {
        self.running.as_ref().map_or(Ok(()), |program| program.signal(name))
    }

    /// When it last began to relay; the text orders as the time does.
    fn relaying_since(&self) -> Option<String> {
        let log = self.log();
        let line = log.lines().rfind(|line| line.contains("relaying events"))?;
        line.split_whitespace().next().map(ToOwned::to_owned)
    }

    fn log(&self) -> String {
        self.running.as_ref().map(|it| it.stdout() + &it.stderr()).unwrap_or_default()
    }
}
