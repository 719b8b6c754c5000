//! A history told to the pure policy: once, as listed, its orders first.

use std::collections::BTreeSet;

use bytes::Bytes;
use shared::case::CaseKind;
use shared::message::{Message, Number};
use shared::notification::Notification;
use shared::rules::Rules;
use time::OffsetDateTime;
use uuid::Uuid;
use worker::decide::case::About;
use worker::decide::fold::{Books, Reading, fold, refold};
use worker::decide::{Fulfilment, Order, State};

use super::engine::{End, Stands};
use super::history::{History, NOW, Told};

/// What everything comes to.
pub(super) fn end(history: &History, now: OffsetDateTime) -> End {
    let rules = Rules::default();
    let mut books = Books::default();
    for planned in &history.orders {
        let new = &planned.order;
        let order = Order::new(new.order_no.clone(), new.money(), new.account.clone());
        let order = Order { cancelled: planned.cancelled, ..order };
        let state = State { order: Some(order), ..State::default() };
        for number in new.all_numbers() {
            books.numbers.insert(number, new.order_no.clone());
        }
        books.states.insert(new.order_no.clone(), state);
    }
    let readings: Vec<Reading> = history.told.iter().map(reading).collect();
    let told = fold(books.clone(), &readings.iter().collect::<Vec<_>>(), NOW, &rules);
    let mut states: Vec<State> = books.states.into_values().collect();
    replace(&mut states, told.states);
    let named = states.iter().cloned().enumerate();
    let states_by_name = named.map(|(index, state)| (index.to_string(), state)).collect();
    let books = Books { states: states_by_name, ..Books::default() };
    replace(&mut states, refold(books, now, &rules).states);
    End { orders: states.iter().filter_map(stands).collect(), cases: cases(states.iter()) }
}

/// Puts each changed state where the one stood that it was derived from.
fn replace(states: &mut Vec<State>, changes: Vec<(State, State)>) {
    for (before, after) in changes {
        let known = |state: &&mut State| before != State::default() && **state == before;
        match states.iter_mut().find(known) {
            Some(state) => *state = after,
            None => states.push(after),
        }
    }
}

fn stands(state: &State) -> Option<Stands> {
    let order = state.order.as_ref()?;
    Some(Stands {
        order_no: order.order_no.clone(),
        status: order.recorded.status,
        paid_minor: order.recorded.paid_minor,
        refunded_minor: order.recorded.refunded_minor,
        fulfilment: match order.recorded.fulfilment {
            Fulfilment::None => None,
            Fulfilment::Active => Some(true),
            Fulfilment::Revoked => Some(false),
        },
    })
}

fn cases<'a>(states: impl Iterator<Item = &'a State>) -> BTreeSet<(CaseKind, String, i64)> {
    let cases = states.flat_map(|state| &state.cases);
    let about = |about: &About| match about {
        About::Order(order_no) => order_no.clone(),
        About::Payment(key) => key.transaction.clone(),
    };
    cases.map(|(key, case)| (key.kind, about(&key.about), case.amount_minor)).collect()
}

fn reading(told: &Told) -> Reading {
    let message = message(told, Number { epoch: Uuid::nil(), seq: 1 });
    Reading {
        message,
        replay: None,
        notifications: vec![notification(told, told.identity.clone())],
    }
}

pub(super) fn notification(told: &Told, identity: String) -> Notification {
    Notification { identity, kind: "told".to_owned(), fact: Some(told.fact.clone()) }
}

pub(super) fn message(told: &Told, number: Number) -> Message {
    Message {
        id: Uuid::now_v7(),
        kind: "alipay".into(),
        account: told.account.into(),
        key: "k".into(),
        attempt: 0,
        received_at: NOW,
        number,
        content_type: None,
        http: vec![],
        traceparent: None,
        body: Bytes::from_static(b"a=b"),
    }
}
