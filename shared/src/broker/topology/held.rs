//! What AMQP cannot ask: bindings, policies behind the arguments' back, and subscribers' queues, judged from
//! what the broker's management API tells. Pure.

use std::collections::{BTreeMap, BTreeSet};

use serde::Deserialize;
use serde_json::Value;

use super::{Finding, Topology, setting};

/// Keys of a policy that take something out of a queue, limit it or send it elsewhere.
const HARMFUL: [&str; 9] = [
    "message-ttl",
    "expires",
    "max-length",
    "max-length-bytes",
    "overflow",
    "delivery-limit",
    "dead-letter-exchange",
    "dead-letter-routing-key",
    "dead-letter-strategy",
];

/// Everything that the broker holds in our virtual host.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Held {
    pub queues: Vec<HeldQueue>,
    pub bindings: Vec<HeldBinding>,
}

/// A queue as `GET /api/queues/{vhost}` tells of it.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct HeldQueue {
    pub name: String,
    #[serde(default)]
    pub arguments: Value,
    /// The policy's name, and the operator's, where one applies.
    #[serde(default)]
    pub policy: Option<String>,
    #[serde(default)]
    pub operator_policy: Option<String>,
    /// An object; an empty list where nothing applies.
    #[serde(default)]
    pub effective_policy_definition: Value,
}

/// A binding as `GET /api/bindings/{vhost}` tells of it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
pub struct HeldBinding {
    pub source: String,
    pub destination: String,
    /// `queue` or `exchange`.
    pub destination_type: String,
    pub routing_key: String,
}

impl Topology {
    /// What is missing, foreign or unsafe in what the broker holds. Objects that are not there at all are
    /// the audit's to find.
    pub fn audit_held(&self, held: &Held) -> Vec<Finding> {
        let mut findings = self.unbound(held);
        findings.extend(self.foreign(held));
        findings.extend(self.policies(held));
        findings.extend(self.subscribers(held));
        findings
    }

    /// Every binding of ours.
    fn bindings(&self) -> BTreeSet<HeldBinding> {
        let of = |source: &str, destination: &str, kind: &str, key: &str| HeldBinding {
            source: source.to_owned(),
            destination: destination.to_owned(),
            destination_type: kind.to_owned(),
            routing_key: key.to_owned(),
        };
        let mut bindings = BTreeSet::new();
        for exchange in self.exchanges() {
            let source = exchange.source.as_ref();
            bindings.extend(source.map(|source| of(source, &exchange.name, "exchange", "#")));
        }
        for queue in self.queues() {
            let each = queue.bindings.iter();
            bindings.extend(each.map(|(exchange, key)| of(exchange, &queue.name, "queue", key)));
        }
        bindings
    }

    fn unbound(&self, held: &Held) -> Vec<Finding> {
        let there: BTreeSet<&str> = held.queues.iter().map(|queue| queue.name.as_str()).collect();
        let missing = self.bindings().into_iter().filter(|binding| {
            let is_there =
                binding.destination_type != "queue" || there.contains(&*binding.destination);
            is_there && !held.bindings.contains(binding)
        });
        let finding = |binding: HeldBinding| Finding {
            object: binding.object(),
            wrong: format!("it is not bound to {}", binding.from()),
            risk: "what is published for it is returned, and providers are told to send again, or it \
                   goes where nobody looks for it",
            mend: "run `quittance topology apply`, or start an ingress or a worker".to_owned(),
        };
        missing.map(finding).collect()
    }

    /// Bindings into our queues, and out of exchanges that only our queues may be bound to.
    fn foreign(&self, held: &Held) -> Vec<Finding> {
        let ours = self.bindings();
        let queues: BTreeSet<String> = self.queues().into_iter().map(|queue| queue.name).collect();
        let open = [self.events(), self.fulfilment()];
        let exchanges = self.exchanges().into_iter().map(|exchange| exchange.name);
        let closed: BTreeSet<String> = exchanges.filter(|name| !open.contains(name)).collect();
        let mut findings = vec![];
        for binding in held.bindings.iter().filter(|binding| !ours.contains(binding)) {
            let is_into = binding.destination_type == "queue"
                && queues.contains(&binding.destination)
                // Every queue is bound to the default exchange by its name.
                && !binding.source.is_empty();
            let risk = match (is_into, closed.contains(&binding.source)) {
                (true, _) => {
                    "what no ingress sealed comes in, or a message comes twice or to the wrong \
                     shard: it is buried with the stage seal, or orders are settled out of turn"
                }
                (false, true) => {
                    "a notification counts as kept while only that queue holds it; when that queue \
                     is full and refuses, every provider is told to send again"
                }
                (false, false) => continue,
            };
            findings.push(Finding {
                object: binding.object(),
                wrong: format!("it is bound to {}, which is none of our bindings", binding.from()),
                risk,
                mend: format!(
                    "find out who bound it, and unbind {} from {}",
                    binding.destination, binding.source
                ),
            });
        }
        findings
    }

    fn policies(&self, held: &Held) -> Vec<Finding> {
        let ours: BTreeSet<String> = self.queues().into_iter().map(|queue| queue.name).collect();
        let mut findings = vec![];
        for queue in held.queues.iter().filter(|queue| ours.contains(&queue.name)) {
            for key in HARMFUL {
                let Some(value) = queue.policed(key) else { continue };
                let argument = queue.argument(key);
                if argument.as_ref() == Some(&value) {
                    continue;
                }
                let name = format!("x-{key}");
                let wanted = argument.as_deref();
                let policy = queue.policy_names();
                findings.push(Finding {
                    object: format!("queue {}", queue.name),
                    wrong: format!("the policy {policy} sets {key} to {value}"),
                    risk: setting::risk(&name, wanted),
                    mend: format!(
                        "take {key} out of it, or let its pattern spare {}.* (`rabbitmqctl \
                         list_policies`, `rabbitmqctl list_operator_policies`)",
                        self.prefix
                    ),
                });
            }
        }
        findings
    }

    /// Queues that take events and refuse when they are full.
    fn subscribers(&self, held: &Held) -> Vec<Finding> {
        let ours: BTreeSet<String> = self.queues().into_iter().map(|queue| queue.name).collect();
        let fed = fed(&[self.events(), self.fulfilment()], &held.bindings);
        let mut findings = vec![];
        for queue in &held.queues {
            let Some(from) = fed.get(queue.name.as_str()).filter(|_| !ours.contains(&queue.name))
            else {
                continue;
            };
            let overflow = queue.in_force("overflow").unwrap_or_default();
            let is_limited = ["max-length", "max-length-bytes"]
                .into_iter()
                .any(|key| queue.in_force(key).is_some());
            if overflow.starts_with("reject-publish") && is_limited {
                findings.push(Finding {
                    object: format!("queue {}", queue.name),
                    wrong: format!("it takes events from {from}, has a limit, and refuses when full"),
                    risk: "when it is full the broker refuses the event although other queues took \
                           it: that order's next events wait, and the others get it again and again",
                    mend: "let it drop its oldest (overflow drop-head), or have no limit".to_owned(),
                });
            }
        }
        findings
    }
}

/// Queues that these exchanges feed, by however many exchanges; each with the one that it is bound to.
fn fed<'a>(from: &[String], bindings: &'a [HeldBinding]) -> BTreeMap<&'a str, &'a str> {
    let mut reached: BTreeSet<&str> = from.iter().map(String::as_str).collect();
    loop {
        let before = reached.len();
        let onward = bindings.iter().filter(|binding| binding.destination_type == "exchange");
        let next: Vec<&str> = onward
            .filter(|binding| reached.contains(&*binding.source))
            .map(|binding| &*binding.destination)
            .collect();
        reached.extend(next);
        if reached.len() == before {
            break;
        }
    }
    let queues = bindings.iter().filter(|binding| binding.destination_type == "queue");
    let fed = queues.filter(|binding| reached.contains(&*binding.source));
    fed.map(|binding| (&*binding.destination, &*binding.source)).collect()
}

impl HeldBinding {
    fn object(&self) -> String {
        format!("{} {}", self.destination_type, self.destination)
    }

    fn from(&self) -> String {
        match self.routing_key.as_str() {
            "" => format!("exchange {}", self.source),
            key => format!("exchange {} by the key {key}", self.source),
        }
    }
}

impl HeldQueue {
    /// What applies: a quorum queue of some versions takes the policy's word over the argument's.
    fn in_force(&self, key: &str) -> Option<String> {
        self.policed(key).or_else(|| self.argument(key))
    }

    fn argument(&self, key: &str) -> Option<String> {
        shown(self.arguments.get(format!("x-{key}"))?)
    }

    fn policed(&self, key: &str) -> Option<String> {
        shown(self.effective_policy_definition.get(key)?)
    }

    fn policy_names(&self) -> String {
        let names = [&self.policy, &self.operator_policy];
        let names = names.into_iter().flatten().filter(|name| !name.is_empty());
        let names: Vec<&str> = names.map(String::as_str).collect();
        if names.is_empty() { "of the broker".to_owned() } else { names.join(" or ") }
    }
}

fn shown(value: &Value) -> Option<String> {
    match value {
        Value::Null => None,
        Value::String(text) => Some(text.clone()),
        Value::Bool(_) | Value::Number(_) | Value::Array(_) | Value::Object(_) => {
            Some(value.to_string())
        }
    }
}

#[cfg(test)]
mod tests;
