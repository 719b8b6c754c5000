//! What became of the orders that were posted, as statuses and words.

use axum::http::{StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use serde_json::{Value, json};
use worker::ledger::records::{Imported, NewOrder};

use super::super::{Refusal, answer};
use super::place;
use crate::orders::Wrong;

/// An order that could be read, with what the ledger made of it.
pub(super) type Outcome = Result<(NewOrder, Imported), Wrong>;

/// One order: its outcome is the status.
pub(super) fn one(outcome: Option<Outcome>) -> Response {
    match outcome {
        Some(Ok((order, Imported::Refused(why)))) => {
            let body = json!({ "error": why, "order_no": order.order_no });
            answer(StatusCode::CONFLICT, &body)
        }
        Some(Ok((order, imported))) => {
            let is_new = imported == Imported::Inserted;
            let status = if is_new { StatusCode::CREATED } else { StatusCode::OK };
            let mut response = answer(status, &told(&Ok((order.clone(), imported))));
            if let Some(place) = place(&order.order_no).filter(|_| is_new) {
                response.headers_mut().insert(header::LOCATION, place);
            }
            response
        }
        Some(Err(wrong)) => invalid(&wrong).into_response(),
        None => invalid(&Wrong::new(None, "no order")).into_response(),
    }
}

/// Several: 200 when all went well, 207 when a caller must look at each.
pub(super) fn several(outcomes: Vec<Outcome>) -> Response {
    let results: Vec<Value> = outcomes.iter().map(told).collect();
    let count = |word: &str| results.iter().filter(|result| result["result"] == word).count();
    let words = ["inserted", "updated", "unchanged", "refused"];
    let mut body: serde_json::Map<_, _> =
        words.into_iter().map(|word| (word.to_owned(), count(word).into())).collect();
    let all_well = count("refused") == 0;
    body.insert("results".to_owned(), results.into());
    let status = if all_well { StatusCode::OK } else { StatusCode::MULTI_STATUS };
    answer(status, &Value::Object(body))
}

/// It can be read, and is not what is asked for.
pub(super) fn invalid(wrong: &Wrong) -> Refusal {
    let body = json!({ "error": wrong.to_string(), "field": wrong.field });
    Refusal { status: StatusCode::UNPROCESSABLE_ENTITY, body }
}

fn told(outcome: &Outcome) -> Value {
    let (order, imported) = match outcome {
        Ok(known) => known,
        Err(wrong) => {
            let (reason, field) = (wrong.to_string(), &wrong.field);
            return json!({ "result": "refused", "reason": reason, "field": field });
        }
    };
    let order_no = &order.order_no;
    match imported {
        Imported::Inserted => json!({ "order_no": order_no, "result": "inserted" }),
        Imported::Updated => json!({ "order_no": order_no, "result": "updated" }),
        Imported::Unchanged => json!({ "order_no": order_no, "result": "unchanged" }),
        Imported::Refused(why) => {
            json!({ "order_no": order_no, "result": "refused", "reason": why })
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn order() -> NewOrder {
        crate::orders::from_json(br#"{"order_no":"A 1","amount":10,"currency":"CNY"}"#).unwrap()
    }

    #[test]
    fn one_order_is_told_by_its_status() {
        let wrong = || Wrong::new(Some("amount".to_owned()), "no");
        for (outcome, status) in [
            (Ok((order(), Imported::Inserted)), 201),
            (Ok((order(), Imported::Updated)), 200),
            (Ok((order(), Imported::Unchanged)), 200),
            (Ok((order(), Imported::Refused("paid".to_owned()))), 409),
            (Err(wrong()), 422),
        ] {
            let response = one(Some(outcome));
            assert_eq!(response.status(), status);
            let place = response.headers().get(header::LOCATION);
            assert_eq!(place.is_some(), status == 201);
        }
    }

    #[test]
    fn several_are_well_or_to_be_looked_at() {
        let good = || Ok((order(), Imported::Inserted));
        assert_eq!(several(vec![]).status(), 200);
        assert_eq!(several(vec![good(), good()]).status(), 200);
        assert_eq!(several(vec![good(), Err(Wrong::new(None, "no"))]).status(), 207);
    }
}
