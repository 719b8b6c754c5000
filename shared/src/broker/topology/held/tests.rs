//! Brokers that hold what they should, and brokers that do not.

use serde_json::json;

use super::*;
use crate::retry::Schedule;

fn topology() -> Topology {
    Topology { prefix: "p".into(), shards: 2, schedule: Schedule::default() }
}

fn queue(name: &str, arguments: Value, policy: Value) -> HeldQueue {
    HeldQueue {
        name: name.to_owned(),
        arguments,
        policy: Some("a-policy".to_owned()),
        operator_policy: None,
        effective_policy_definition: policy,
    }
}

fn bound(source: &str, kind: &str, destination: &str, key: &str) -> HeldBinding {
    HeldBinding {
        source: source.to_owned(),
        destination: destination.to_owned(),
        destination_type: kind.to_owned(),
        routing_key: key.to_owned(),
    }
}

/// As `topology apply` leaves it.
fn right() -> Held {
    let topology = topology();
    let names = topology.queues().into_iter().map(|queue| queue.name);
    let queues: Vec<_> = names.map(|name| queue(&name, json!({}), json!([]))).collect();
    let mut bindings: Vec<_> = topology.bindings().into_iter().collect();
    bindings.extend(queues.iter().map(|queue| bound("", "queue", &queue.name, &queue.name)));
    Held { queues, bindings }
}

fn wrong(held: &Held) -> Vec<(String, String)> {
    let findings = topology().audit_held(held);
    for Finding { risk, mend, .. } in &findings {
        assert!(!risk.is_empty() && !mend.is_empty());
    }
    findings.into_iter().map(|finding| (finding.object, finding.wrong)).collect()
}

fn one(held: &Held, object: &str, words: &str) {
    let found = wrong(held);
    let [(of, wrong)] = &found[..] else { panic!("not one finding: {found:?}") };
    assert!(of == object && wrong.contains(words), "{found:?}");
}

#[test]
fn what_apply_made_is_right() {
    assert_eq!(wrong(&right()), []);
    // A shop's queue that drops its oldest, one without a limit, and an ingress's own.
    let mut held = right();
    for (name, arguments) in [
        ("shop", json!({"x-overflow": "drop-head", "x-max-length": 9})),
        ("books", json!({"x-overflow": "reject-publish"})),
        ("default", json!({"x-max-length": 9})),
    ] {
        held.queues.push(queue(name, arguments, json!({})));
        held.bindings.push(bound("p.fulfilment", "queue", name, "order.#"));
    }
    held.bindings.push(bound("p.events", "queue", "p.listener.1", "order.*.v1"));
    held.bindings.push(bound("elsewhere", "queue", "foreign", "k"));
    assert_eq!(wrong(&held), []);
}

#[test]
fn each_missing_binding_is_named() {
    let whole = right();
    let ours = topology().bindings();
    assert!(ours.len() > 6, "{ours:?}");
    for (place, missing) in whole.bindings.iter().enumerate().filter(|(_, it)| ours.contains(it)) {
        let mut held = whole.clone();
        held.bindings.remove(place);
        let object = format!("{} {}", missing.destination_type, missing.destination);
        one(&held, &object, &format!("not bound to exchange {}", missing.source));
    }
    // Of a queue that is not there the audit tells already.
    let mut held = whole;
    held.queues.retain(|queue| queue.name != "p.dead");
    held.bindings.retain(|binding| binding.destination != "p.dead");
    assert_eq!(wrong(&held), []);
}

#[test]
fn a_foreign_binding_of_ours_is_named() {
    let with = |binding: HeldBinding| {
        let mut held = right();
        held.bindings.push(binding);
        held
    };
    let into = with(bound("amq.topic", "queue", "p.notifications.0", "x"));
    one(&into, "queue p.notifications.0", "bound to exchange amq.topic by the key x");
    let wrong_shard = with(bound("p.notifications", "queue", "p.notifications.0", "1"));
    one(&wrong_shard, "queue p.notifications.0", "by the key 1, which is none of our bindings");
    let tapped = with(bound("p.notifications", "queue", "a-tap", "0"));
    one(&tapped, "queue a-tap", "bound to exchange p.notifications by the key 0");
    let tapped = with(bound("p.dead", "exchange", "elsewhere", ""));
    one(&tapped, "exchange elsewhere", "bound to exchange p.dead,");
}

#[test]
fn a_policy_behind_the_arguments_back_is_named_by_its_key() {
    for key in HARMFUL {
        let mut held = right();
        let shard = held.queues.iter_mut().find(|queue| queue.name == "p.notifications.1").unwrap();
        shard.effective_policy_definition = json!({ key: 7 });
        one(&held, "queue p.notifications.1", &format!("the policy a-policy sets {key} to 7"));
        let shard = held.queues.iter_mut().find(|queue| queue.name == "p.notifications.1").unwrap();
        let argument = format!("x-{key}");
        shard.arguments = json!({ argument: 7 });
        assert_eq!(wrong(&held), [], "it says what the argument says");
    }
    let mut held = right();
    held.queues[0].effective_policy_definition = json!({"queue-leader-locator": "balanced"});
    assert_eq!(wrong(&held), []);
    // Somebody else's queue is theirs to limit.
    held.queues.push(queue("theirs", json!({}), json!({"max-length": 1})));
    assert_eq!(wrong(&held), []);
}

#[test]
fn a_subscribers_queue_that_refuses_when_full_is_named_wherever_its_limit_stands() {
    let limits = [
        (json!({"x-overflow": "reject-publish", "x-max-length": 9}), json!([])),
        (json!({"x-overflow": "reject-publish-dlx", "x-max-length-bytes": 9}), json!({})),
        (json!({"x-overflow": "reject-publish"}), json!({"max-length": 9})),
        (json!({"x-max-length": 9}), json!({"overflow": "reject-publish"})),
    ];
    for (arguments, policy) in limits {
        let mut held = right();
        held.queues.push(queue("shop", arguments, policy));
        held.bindings.push(bound("p.fulfilment", "queue", "shop", "#"));
        one(&held, "queue shop", "takes events from p.fulfilment");
        // The same by two exchanges of their own, one of which leads back.
        held.bindings.pop();
        held.bindings.push(bound("shops", "queue", "shop", "#"));
        assert_eq!(wrong(&held), [], "it takes nothing of ours");
        held.bindings.push(bound("p.fulfilment", "exchange", "all", "#"));
        held.bindings.push(bound("all", "exchange", "shops", "#"));
        held.bindings.push(bound("shops", "exchange", "all", "#"));
        one(&held, "queue shop", "takes events from shops");
    }
}

#[test]
fn what_the_api_answers_is_read() {
    let text = r#"{"name":"q","arguments":{"x-max-length":3},"policy":"a","operator_policy":null,
        "effective_policy_definition":[],"vhost":"/","node":"n"}"#;
    let queue: HeldQueue = serde_json::from_str(text).unwrap();
    assert_eq!(
        (queue.argument("max-length"), queue.policed("max-length")),
        (Some("3".into()), None)
    );
    let bare: HeldQueue = serde_json::from_str(r#"{"name":"q"}"#).unwrap();
    assert_eq!((bare.in_force("overflow"), bare.policy_names()), (None, "of the broker".into()));
}
