//! What a setting that is not as it must be could lose, and how it is mended. Pure.

use super::Finding;

/// A declaration that the broker refused, in its own words taken apart.
#[derive(Debug, PartialEq, Eq)]
struct Refusal<'a> {
    setting: &'a str,
    /// What was wanted and what was found, each where it is set; nothing: the words were cut short.
    values: Option<(Option<&'a str>, Option<&'a str>)>,
}

/// What a refusal of this object (`queue NAME` or `exchange NAME`) says.
pub(super) fn finding(object: &str, refusal: &str) -> Finding {
    let read = Refusal::read(refusal);
    let (setting, values) = read.map_or(("", None), |it| (it.setting, it.values));
    let wrong = match values {
        Some((wanted, found)) => {
            let is = found.map_or("is not set".to_owned(), |found| format!("is {found}"));
            let must = wanted.map_or("not be set".to_owned(), |wanted| format!("be {wanted}"));
            format!("{setting} {is}, and must {must}")
        }
        None => refusal.to_owned(),
    };
    let wanted = values.and_then(|(wanted, _)| wanted);
    Finding {
        object: object.to_owned(),
        wrong,
        risk: risk(setting, wanted),
        mend: mend(object, setting),
    }
}

impl<'a> Refusal<'a> {
    /// RabbitMQ, 3.10 to 4.x: `inequivalent arg 'S' for queue 'Q' in vhost 'V': received W but current is F`,
    /// where a value is `none`, `'V'` or `the value 'V' of type 'T'`; all of it at most 255 bytes.
    fn read(text: &'a str) -> Option<Self> {
        if text.contains("cannot obtain exclusive access") {
            let values = Some((Some("false"), Some("true")));
            return Some(Self { setting: "exclusive", values });
        }
        let (_, rest) = text.split_once("inequivalent arg '")?;
        let (setting, rest) = rest.split_once('\'')?;
        let values = rest.split_once("received ").and_then(|(_, values)| {
            let (wanted, found) = values.split_once(" but current is ")?;
            Some((value(wanted)?, value(found)?))
        });
        Some(Self { setting, values })
    }
}

/// Nothing at all: it was cut short.
fn value(text: &str) -> Option<Option<&str>> {
    if text == "none" {
        return Some(None);
    }
    let (_, quoted) = text.split_once('\'')?;
    let quoted = quoted.strip_suffix('\'')?;
    Some(Some(quoted.rsplit_once("' of type '").map_or(quoted, |(value, _)| value)))
}

/// What could be lost while this setting of an object is another than `wanted`.
pub(super) fn risk(setting: &str, wanted: Option<&str>) -> &'static str {
    match (setting, wanted) {
        ("x-queue-type", _) => {
            "only a quorum queue keeps what it holds on several nodes and dead-letters at least \
             once: what this one holds may be lost with a node, or on the way to the next queue"
        }
        ("x-dead-letter-exchange", _) => {
            "what leaves the queue goes elsewhere or nowhere: a retry does not come back, or a dead \
             letter is not kept"
        }
        ("x-dead-letter-strategy", _) => {
            "a retry that comes back, or a dead letter, is lost when its next queue cannot take it \
             at once"
        }
        ("x-dead-letter-routing-key", _) => {
            "whatever leaves the queue takes this key: a retry comes to another shard, or stays for \
             ever"
        }
        ("x-overflow", Some("drop-head")) => {
            "when it is full it refuses, and an event that nobody is bound for holds up its order's \
             next ones"
        }
        ("x-overflow", _) => {
            "when it is full it drops the oldest instead of refusing the newest: notifications that \
             their provider was told are safe; and without reject-publish nothing is dead-lettered \
             at least once"
        }
        ("x-delivery-limit", _) => {
            "after so many returns the broker itself buries or drops a message: with a low limit \
             also innocent ones, beside one that crashes its reader"
        }
        ("x-message-ttl", Some(_)) => {
            "retries come back sooner or later than their schedule says, or never"
        }
        ("x-message-ttl", None) => {
            "what waits longer than this is taken out before anybody settled it, as in an outage of \
             the ledger"
        }
        ("x-expires", _) => {
            "the broker deletes the queue, with all that it holds, when nobody reads it for so long"
        }
        ("x-max-length" | "x-max-length-bytes", None) => {
            "an outage of the ledger fills it, and then it drops its oldest notifications, or \
             refuses: providers are told to send again, retries and dead letters are held up"
        }
        ("x-max-length" | "x-max-length-bytes", Some(_)) => {
            "events that nobody is bound for fill the disk, or are dropped sooner than they must be"
        }
        ("x-single-active-consumer", _) => {
            "one lane alone reads it; the others wait, and nothing that is missing is ever named"
        }
        ("durable", _) => "it is gone when the broker restarts, with all that it holds",
        ("auto_delete", _) => {
            "the broker deletes it when its last reader or binding goes, with all that it holds"
        }
        ("exclusive", _) => {
            "it belongs to one connection and goes with it, with all that it holds; nobody else may \
             read it"
        }
        ("type", _) => {
            "messages are routed by another rule: to no queue, to a wrong one, or to several"
        }
        ("internal", _) => "nobody can publish to it: every notification is refused",
        ("alternate-exchange", _) => {
            "what no binding fits is returned or dropped instead of kept: a notification for a shard \
             that nobody knows, an event that nobody is bound for"
        }
        (_, _) => "with other settings the broker may drop, reorder or lose notifications",
    }
}

fn mend(object: &str, setting: &str) -> String {
    let name = object.split_once(' ').map_or(object, |(_, name)| name);
    if setting == "exclusive" {
        return format!(
            "find the connection that owns it (`rabbitmqctl list_queues name owner_pid`) and end \
             it: {name} goes with it; then run `quittance topology apply`"
        );
    }
    if object.starts_with("exchange ") {
        return format!(
            "an exchange keeps its settings but holds no message: stop the ingresses and workers, \
             delete it, run `quittance topology apply`, start again; bindings to {name} that are \
             not ours (subscribers' queues) must be made anew"
        );
    }
    format!(
        "a queue keeps its settings: stop the ingresses, let the workers empty {name} (or shovel it \
         aside), stop the workers, delete it, then run `quittance topology apply`"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(values: &str) -> String {
        format!("PRECONDITION_FAILED - inequivalent arg {values}")
    }

    #[test]
    fn a_refusal_is_read_in_the_words_of_each_version() {
        let place = "for queue 'q' in vhost '/'";
        let table = [
            (
                format!("'x-overflow' {place}: received the value 'reject-publish' of type 'longstr' but current is none"),
                ("x-overflow", Some((Some("reject-publish"), None))),
            ),
            (
                format!("'x-max-length' {place}: received none but current is the value '10' of type 'signedint'"),
                ("x-max-length", Some((None, Some("10")))),
            ),
            (format!("'durable' {place}: received 'true' but current is 'false'"), ("durable", Some((Some("true"), Some("false"))))),
            // Before 3.6 a space was missing.
            (format!("'type'{place}: received 'direct' but current is 'fanout'"), ("type", Some((Some("direct"), Some("fanout"))))),
            (
                "'x-dead-letter-exchange' for queue 'it's' in vhost 'a': b': received the value 'p.dead' of type 'longstr' but current is the value 'x'y' of type 'longstr'".to_owned(),
                ("x-dead-letter-exchange", Some((Some("p.dead"), Some("x'y")))),
            ),
            // Cut short in the middle of what was found.
            (
                format!("'x-dead-letter-exchange' {place}: received the value 'p.dead' of type 'longstr' but current is the value 'oth..."),
                ("x-dead-letter-exchange", None),
            ),
        ];
        for (words, (setting, values)) in table {
            let text = refused(&words);
            assert_eq!(Refusal::read(&text), Some(Refusal { setting, values }), "{words}");
        }
        for other in ["", "NOT_FOUND - no queue 'q' in vhost '/'", "inequivalent arg 'x"] {
            assert_eq!(Refusal::read(other), None, "{other}");
        }
    }

    #[test]
    fn each_setting_has_its_own_risk_and_a_mend() {
        let table = [
            ("x-queue-type", Some("quorum"), "lost with a node", "let the workers empty p.q"),
            ("x-dead-letter-exchange", Some("p.dead"), "retry does not come back", "delete it"),
            ("x-dead-letter-strategy", Some("at-least-once"), "cannot take it", "delete it"),
            ("x-dead-letter-routing-key", None, "another shard", "delete it"),
            ("x-overflow", Some("reject-publish"), "drops the oldest", "delete it"),
            ("x-overflow", Some("drop-head"), "holds up its order", "delete it"),
            ("x-delivery-limit", Some("1000"), "innocent ones", "delete it"),
            ("x-message-ttl", Some("1000"), "schedule", "delete it"),
            ("x-message-ttl", None, "before anybody settled it", "delete it"),
            ("x-expires", None, "nobody reads it", "delete it"),
            ("x-max-length", None, "oldest notifications", "delete it"),
            ("x-max-length-bytes", None, "oldest notifications", "delete it"),
            ("x-max-length-bytes", Some("268435456"), "fill the disk", "delete it"),
            ("x-single-active-consumer", None, "one lane alone", "delete it"),
            ("durable", Some("true"), "restarts", "delete it"),
            ("auto_delete", Some("false"), "last reader", "delete it"),
            ("exclusive", Some("false"), "one connection", "owner_pid"),
            ("x-of-tomorrow", None, "drop, reorder or lose", "delete it"),
        ];
        for (setting, wanted, risk, mend) in table {
            let received =
                wanted.map_or("none".to_owned(), |it| format!("the value '{it}' of type 'x'"));
            let place = "for queue 'p.q' in vhost '/'";
            let text = format!("'{setting}' {place}: received {received} but current is 'odd'");
            let found = finding("queue p.q", &refused(&text));
            let must = wanted.map_or("must not be set".to_owned(), |it| format!("must be {it}"));
            assert_eq!(found.wrong, format!("{setting} is odd, and {must}"));
            assert!(found.risk.contains(risk), "{setting}: {found:?}");
            assert!(found.mend.contains(mend), "{setting}: {found:?}");
            assert!(found.mend.contains("`quittance topology apply`"), "{setting}: {found:?}");
        }
    }

    #[test]
    fn an_exchange_is_mended_without_draining_it() {
        for (setting, risk) in [
            ("type", "by another rule"),
            ("alternate-exchange", "returned or dropped"),
            ("internal", "nobody can publish"),
            ("durable", "restarts"),
            ("auto_delete", "last reader or binding"),
        ] {
            let place = "for exchange 'p.events' in vhost '/'";
            let text = refused(&format!("'{setting}' {place}: received 'a' but current is none"));
            let found = finding("exchange p.events", &text);
            assert_eq!(found.wrong, format!("{setting} is not set, and must be a"));
            assert!(found.risk.contains(risk), "{found:?}");
            assert!(found.mend.contains("subscribers' queues"), "{found:?}");
        }
    }

    #[test]
    fn a_queue_of_another_connection_is_told_as_exclusive() {
        let text =
            "RESOURCE_LOCKED - cannot obtain exclusive access to locked queue 'p.q' in vhost '/'";
        let found = finding("queue p.q", text);
        assert_eq!(found.wrong, "exclusive is true, and must be false");
        assert!(found.mend.contains("p.q goes with it"), "{found:?}");
    }

    #[test]
    fn words_that_nobody_knows_are_handed_on() {
        let found = finding("queue p.q", "ACCESS_REFUSED - no");
        assert_eq!(found.wrong, "ACCESS_REFUSED - no");
        assert!(found.risk.contains("drop, reorder or lose"), "{found:?}");
    }
}
