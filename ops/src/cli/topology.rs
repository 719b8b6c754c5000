//! `quittance topology`: exchanges and queues on the broker, looked at or made.

use clap::{Args, Subcommand};
use shared::broker::topology::Finding;
use shared::config::Config;

use super::exit::{Exit, Failure};
use super::output::{Output, say};
use super::table::printable;
use crate::engine::{self, Engine, EngineError};

mod management;

const NOT_ASKED: &str = "bindings, policies and subscribers' queues were not looked at: AMQP does not \
                         tell them, so set broker.management_url";

#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  quittance topology check\n  quittance topology apply --config quittance.toml"
)]
pub struct TopologyArgs {
    #[command(subcommand)]
    verb: TopologyVerb,
}

#[derive(Debug, Subcommand)]
enum TopologyVerb {
    /// Look, without changing anything; exit 1 when something is missing or unsafe
    Check,
    /// Make what is missing, and look at the rest; exit 1 when something is unsafe
    Apply,
}

pub async fn run(args: TopologyArgs, config: &Config, output: Output) -> Result<Exit, Failure> {
    let broker = match engine::open(config) {
        Ok(Engine::Embedded(_)) | Err(EngineError::Embedded(_)) => {
            say("the engines are embedded: there are no exchanges and no queues to look after");
            output.list(&Vec::<Finding>::new(), table)?;
            return Ok(Exit::Done);
        }
        Ok(Engine::Servers(servers)) => servers.broker,
        Err(error) => return Err(error.into()),
    };
    let connection = broker.connect_bare().await?;
    let mut findings = match args.verb {
        TopologyVerb::Check => broker.topology.audit(&connection).await,
        TopologyVerb::Apply => {
            broker.topology.declare(&connection).await.err().into_iter().collect()
        }
    };
    let unseen = match management::held(config).await {
        Ok(Some(held)) => {
            findings.extend(broker.topology.audit_held(&held));
            None
        }
        Ok(None) => {
            say(NOT_ASKED);
            None
        }
        // What was found is told all the same.
        Err(failure) => Some(failure),
    };
    if !connection.status().connected() {
        let message = "rabbitmq was lost on the way; run it again";
        return Err(Failure::new(Exit::Unreachable, message));
    }
    output.list(&findings, table)?;
    if let Some(failure) = unseen {
        return Err(failure);
    }
    if !findings.is_empty() {
        say(&format!("{} to mend", findings.len()));
        return Ok(Exit::Failed);
    }
    say(&format!("{} exchanges and queues are as they must be", broker.topology.names().len()));
    Ok(Exit::Done)
}

fn table(findings: &[Finding]) -> String {
    let text = |finding: &Finding| {
        let Finding { object, wrong, risk, mend } = finding;
        let (object, wrong) = (printable(object), printable(wrong));
        format!("{object}\n  wrong  {wrong}\n  risk   {risk}\n  mend   {mend}\n")
    };
    findings.iter().map(text).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_finding_says_what_is_wrong_the_risk_and_the_mend() {
        let finding = Finding {
            object: "p.dead".into(),
            wrong: "it does not exist".into(),
            risk: "lost",
            mend: "apply".into(),
        };
        let text = table(&[finding]);
        assert_eq!(text, "p.dead\n  wrong  it does not exist\n  risk   lost\n  mend   apply\n");
    }
}
