//! `quittance balance`: the conservation line.

use worker::ledger::Session;
use worker::ledger::records::{Balance, Missing};

use super::exit::{Exit, Failure};
use super::output::Output;

pub async fn run<S: Session>(mut session: S, output: Output) -> Result<Exit, Failure> {
    let balance = session.balance().await?;
    output.one(&balance, text)?;
    Ok(verdict(&balance))
}

/// Accepted, and where all of it stands.
pub fn line(balance: &Balance) -> String {
    format!(
        "accepted {} = settled {} + duplicate {} + no-op {} + case {} + dead {} + in flight {} \
         (unaccounted {})",
        balance.accepted,
        balance.settled,
        balance.duplicate,
        balance.no_op,
        balance.case,
        balance.dead,
        balance.in_flight,
        balance.unaccounted,
    )
}

fn text(balance: &Balance) -> String {
    let mut text = line(balance) + "\n";
    if balance.unproven != 0 {
        text += &format!(
            "unproven {}: settled before their ingress's statement was read; usual for some seconds, \
             or while no worker runs\n",
            balance.unproven,
        );
    }
    for Missing { epoch, from, to, count, numbers } in &balance.missing {
        let named: Vec<String> = numbers.iter().map(i64::to_string).collect();
        let more =
            if named.len() < usize::try_from(*count).unwrap_or(usize::MAX) { ", …" } else { "" };
        let named = named.join(", ");
        text += &format!("missing {count} of epoch {epoch} in ({from}, {to}]: {named}{more}\n");
    }
    text
}

fn verdict(balance: &Balance) -> Exit {
    if balance.adds_up() { Exit::Done } else { Exit::ThresholdExceeded }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn balance() -> Balance {
        Balance {
            accepted: 10,
            settled: 4,
            duplicate: 3,
            case: 2,
            in_flight: 1,
            ..Balance::default()
        }
    }

    #[test]
    fn the_line_names_every_bucket() {
        assert_eq!(
            text(&balance()),
            "accepted 10 = settled 4 + duplicate 3 + no-op 0 + case 2 + dead 0 + in flight 1 \
             (unaccounted 0)\n"
        );
    }

    #[test]
    fn what_is_unaccounted_for_ends_with_9() {
        assert_eq!(verdict(&balance()), Exit::Done);
        let missing = Balance { accepted: 11, unaccounted: 1, ..balance() };
        assert_eq!(verdict(&missing).code(), 9);
        assert_eq!(verdict(&Balance { accepted: 12, ..balance() }).code(), 9);
    }

    #[test]
    fn the_keys_in_json_are_those_that_were_promised() {
        let json = serde_json::to_value(balance()).unwrap();
        for key in [
            "accepted",
            "settled",
            "duplicate",
            "no_op",
            "case",
            "dead",
            "in_flight",
            "unaccounted",
        ] {
            assert!(json.get(key).is_some_and(serde_json::Value::is_i64), "{key}");
        }
    }
}
