//! A history told to the pure policy: its orders first, everything once and as listed, unless its end depends on
//! the moment.

use std::collections::BTreeMap;

use shared::message::Number;
use shared::order::OrderStatus;
use time::OffsetDateTime;
use uuid::Uuid;
use worker::decide::fold::{Books, Changes, Reading, fold, name_without_payment, refold};
use worker::decide::resolve::{Refusal, Ruling, resolve};
use worker::decide::subscription::{Standing, Subscription};
use worker::decide::{Order, State};
use worker::ledger::records::Cancelled;

use super::accounts::rules;
use super::end::{Act, Resolved};
use super::history::{History, Phase, Planned, Repeats, Subscribed, Telling, told_at, verdict};
use super::script::{Coming, reading};

mod end;

/// A ledger in memory.
#[derive(Default)]
pub(super) struct Pure {
    books: Books,
}

impl Pure {
    /// What the shop does first; answers what became of its cancels.
    pub(super) fn begin(&mut self, phase: &Phase, at: usize) -> Vec<Act> {
        let now = told_at(at);
        phase.subscriptions.iter().for_each(|one| self.subscribe(one));
        phase.orders.iter().for_each(|planned| self.appear(planned));
        self.sweep(now);
        phase.cancels.iter().map(|order_no| self.cancel(order_no, now)).collect()
    }

    pub(super) fn tell(&mut self, history: &History, at: usize, repeats: Repeats) {
        let phase = &history.phases[at];
        let readings: Vec<Reading> = match history.telling {
            Telling::AnyOrder => {
                let told = phase.told.iter();
                told.map(|told| reading(told, told.identity.clone(), at, nowhere())).collect()
            }
            Telling::InOrder => {
                let coming = Coming::of(history, at, repeats);
                coming
                    .into_iter()
                    .map(|one| reading(one.told, one.identity, at, nowhere()))
                    .collect()
            }
        };
        for reading in readings {
            let changes = fold(self.books.clone(), &[&reading], told_at(at), &rules());
            for notification in reading.notifications {
                self.books.seen.insert((reading.message.account.clone(), notification.identity));
            }
            self.write(changes);
        }
    }

    pub(super) fn sweep(&mut self, now: OffsetDateTime) {
        let changes = refold(self.books.clone(), now, &rules());
        self.write(changes);
    }

    /// What people say about its open cases.
    pub(super) fn resolve(&mut self, at: usize, now: OffsetDateTime) -> Vec<Act> {
        let states = self.books.states.values();
        let mut open: Vec<_> = states
            .flat_map(|state| state.cases.keys().cloned())
            .map(|key| (key.id(), key))
            .collect();
        open.sort();
        let mut acts = vec![];
        for (id, key) in open {
            let Some(verdict) = verdict(id, at) else { continue };
            self.books.attach(&rules());
            let mut states = self.books.states.values();
            let Some(before) = states.find(|state| state.cases.contains_key(&key)).cloned() else {
                acts.push(Act::Resolved(id, verdict, Resolved::Closed));
                continue;
            };
            let saw_minor = before.cases[&key].amount_minor;
            let ruling =
                Ruling { verdict, saw_minor, actor: "test".into(), reason: "because".into() };
            let resolved = match resolve(&before, &key, &ruling, now, &rules()) {
                Ok(after) => {
                    let contracts = self.books.contracts.clone();
                    self.write(Changes::of_act(contracts, before, after, now));
                    Resolved::Done
                }
                Err(Refusal::Impossible(_)) => Resolved::Impossible,
                Err(Refusal::Closed | Refusal::Changed { .. }) => Resolved::Closed,
            };
            acts.push(Act::Resolved(id, verdict, resolved));
        }
        acts
    }

    fn subscribe(&mut self, one: &Subscribed) {
        let one = Subscription { terms: one.new.terms(), standing: Standing::pending() };
        let number = one.terms.subscription_no.clone();
        self.books.contracts.subscriptions.insert(number, one);
    }

    /// The order takes what waits under its numbers.
    fn appear(&mut self, planned: &Planned) {
        let new = &planned.order;
        let mut state = State::default();
        for number in new.all_numbers() {
            let waiting = self.books.states.remove(&number).unwrap_or_default();
            state.payments.extend(waiting.payments);
            state.cases.extend(waiting.cases);
            state.resolutions.extend(waiting.resolutions);
            self.books.numbers.insert(number, new.order_no.clone());
        }
        let (subscription_no, period) = planned.extends.clone().unzip();
        state.order = Some(Order {
            expires_at: new.expires_at,
            mode: new.mode.unwrap_or_default(),
            subscription_no,
            period: period.flatten().map(ToOwned::to_owned),
            ..Order::new(new.order_no.clone(), new.money(), new.account.clone())
        });
        self.books.states.insert(new.order_no.clone(), state);
    }

    fn cancel(&mut self, order_no: &str, now: OffsetDateTime) -> Act {
        let done = |done| Act::Cancelled(order_no.to_owned(), done);
        let order = self.books.states.get_mut(order_no).and_then(|state| state.order.as_mut());
        let Some(order) = order else { return done(Cancelled::NotFound) };
        match order.recorded.status {
            OrderStatus::Pending if !order.cancelled => order.cancelled = true,
            OrderStatus::Pending | OrderStatus::Cancelled => return done(Cancelled::Already),
            paid @ (OrderStatus::Paid | OrderStatus::PartiallyRefunded | OrderStatus::Refunded) => {
                return done(Cancelled::Paid(paid));
            }
        }
        self.sweep(now);
        done(Cancelled::Done)
    }

    /// Each changed state replaces the one that it was derived from.
    fn write(&mut self, changes: Changes) {
        let mut written = BTreeMap::new();
        for (before, after) in changes.states {
            let key = name(&after).or_else(|| name(&before)).expect("it holds something");
            let key = self.books.numbers.get(&key).unwrap_or(&key).clone();
            written.insert(key, after);
        }
        self.books.states.extend(written);
        self.books.contracts = changes.contracts.1;
    }
}

/// The name of the state that this is.
fn name(state: &State) -> Option<String> {
    let order = state.order.as_ref().map(|order| order.order_no.clone());
    order.or_else(|| {
        let (key, payment) = state.payments.iter().next()?;
        let absent = payment.is_absent().then(|| name_without_payment(key));
        Some(absent.unwrap_or_else(|| payment.order_number.clone()))
    })
}

fn nowhere() -> Number {
    Number { epoch: Uuid::nil(), seq: 1 }
}
