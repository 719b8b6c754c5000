//! From a former version to this one under load: `./test upgrade REV` builds the former programs and runs this.

use std::env;
use std::path::PathBuf;
use std::process::Command;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};

use anyhow::{Context as _, ensure};
use harness::driver::payments;
use harness::installation::{Addresses, Door, Installation};
use harness::program::Program;
use harness::{ports, postgres};

use crate::replay::steps::{completes, die, mend, open, plan, start};
use crate::rolling::{Balancer, all_settled, instance};
use crate::watch::answers;

/// The folder of the former programs.
const FORMER: &str = "QUITTANCE_FORMER";
const NOTIFICATIONS: usize = 1_000;
/// What dies under the former version.
const LETTERS: usize = 30;

/// The former version's programs on an installation.
struct Former<'a> {
    programs: PathBuf,
    installation: &'a Installation,
}

impl Former<'_> {
    fn command(&self, name: &str, verb: &[&str]) -> Command {
        let mut command = Command::new(self.programs.join(name));
        for (key, _) in
            env::vars_os().filter(|(key, _)| key.to_string_lossy().starts_with("QUITTANCE_"))
        {
            command.env_remove(key);
        }
        command.args(verb).args(["--config", &self.installation.config()]);
        command
    }

    fn run(&self, verb: &[&str]) -> anyhow::Result<()> {
        let output = self.command("quittance", verb).output().context("running quittance")?;
        let stderr = String::from_utf8_lossy(&output.stderr);
        ensure!(output.status.success(), "{verb:?}: {stderr}");
        Ok(())
    }

    async fn door(&self) -> anyhow::Result<Door> {
        let addresses = Addresses::free()?;
        let mut command = self.command("quittance-ingress", &[]);
        command.envs(addresses.variables());
        let mut program = Program::launch("quittance-ingress", command)?;
        let admin_url = addresses.admin_url();
        program.wait_ready(&format!("{admin_url}/readyz")).await?;
        Ok(Door { program, url: addresses.notify_url(), admin_url, addresses })
    }

    async fn worker(&self) -> anyhow::Result<Program> {
        let admin = format!("127.0.0.1:{}", ports::free()?);
        let mut command = self.command("quittance-worker", &[]);
        command.env("QUITTANCE__WORKER__ADMIN_LISTEN", &admin);
        let mut program = Program::launch("quittance-worker", command)?;
        program.wait_ready(&format!("http://{admin}/readyz")).await?;
        Ok(program)
    }
}

/// The schema goes first, then the workers, then the doors; each program is replaced while the others serve.
#[tokio::test(flavor = "multi_thread")]
async fn a_former_version_settles_on_while_everything_goes_forward() {
    let Some(programs) = env::var_os(FORMER) else {
        println!("left to `./test upgrade REV`: the programs of a former version");
        return;
    };
    let installation = Installation::on_servers().await.unwrap();
    let former = Former { programs: programs.into(), installation: &installation };
    let database = installation.database.as_ref().unwrap().url.clone();
    let migrations = "select count(*) from quittance.__diesel_schema_migrations";
    let newest: u32 = postgres::sql(&database, migrations).await.unwrap().parse().unwrap();
    postgres::sql(&database, "drop schema quittance cascade").await.unwrap();
    former.run(&["migrate"]).unwrap();
    let before: u32 = postgres::sql(&database, migrations).await.unwrap().parse().unwrap();
    println!("{} migrations go forward under the former version", newest - before);

    let burst = payments(&installation.signer, NOTIFICATIONS, 0, 73).unwrap();
    let dead = payments(&installation.signer, LETTERS, 0, 74).unwrap();
    let orders = burst.orders.iter().chain(&dead.orders).cloned();
    former.run(&["orders", "import", &installation.orders_file(orders).unwrap()]).unwrap();
    let mut doors = [former.door().await.unwrap(), former.door().await.unwrap()];
    let mut workers = [former.worker().await.unwrap(), former.worker().await.unwrap()];
    die(&installation, &doors[0].url, &dead).await;
    mend(&installation).await;
    let balancer = Balancer(Mutex::new(doors.iter().map(instance).collect()));
    let replaced = AtomicBool::new(false);
    let sending = balancer.send(&burst, &replaced);
    let going_forward = async {
        answers(&installation, "select count(*) > 130 from quittance.receipts", "t").await?;
        installation.answer(&["migrate"])?;
        for worker in &mut workers {
            ensure!(worker.terminate().await?.success(), "a former worker did not end well");
            *worker = installation.worker(&[]).await?;
        }
        for (index, door) in doors.iter_mut().enumerate() {
            ensure!(door.program.terminate().await?.success(), "a former door did not end well");
            *door = installation.ingress().await?;
            balancer.replace(index, door);
        }
        replaced.store(true, Ordering::Relaxed);
        anyhow::Ok(())
    };
    tokio::try_join!(sending, going_forward).unwrap();
    all_settled(&installation, &burst).await.unwrap();
    // What died under the former version is these programs' to replay.
    let id = plan(&installation, LETTERS, "settled");
    start(&installation, &id, "100/s");
    completes(&installation, &id).await;
    open(&installation, 0).await;
    let paid = "select count(*) from quittance.orders where status = 'paid'";
    answers(&installation, paid, &(NOTIFICATIONS + LETTERS).to_string()).await.unwrap();
}
