//! Orders over HTTP: written, listed, shown, cancelled.
//!
//! **Invariant**: every call may be repeated with the same end; the order's number is what makes it so.

use axum::extract::rejection::{PathRejection, QueryRejection};
use axum::extract::{Path, Query, Request, State};
use axum::http::{HeaderValue, StatusCode};
use axum::response::Response;
use serde::Deserialize;
use serde_json::{Value, json};
use shared::order::OrderStatus;
use shared::process;
use shared::units::recordable;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;
use worker::ledger::records::{Cancelled, Imported, OrderFilter};
use worker::ledger::{Ledger, Session as _};

use super::query::{self, Parameters};
use super::sessions::Sessions;
use super::{Refusal, answer, asked};
use crate::cli::act::reason;
use crate::orders::{self, Wrong};

mod body;
mod outcome;

use self::body::{Orders, received};
use self::outcome::{one, several};

/// Who acts, in the ledger's `audit`: whoever bears the token.
const ACTOR: &str = "api";
const LIMIT_DEFAULT: i64 = 100;
const LIMIT_MAX: i64 = 1_000;

/// `POST /api/v1/orders`: one order, or a list; each inserted, updated, unchanged or refused.
pub(super) async fn write<L: Ledger>(
    State(sessions): State<Sessions<L>>,
    request: Request,
) -> Result<Response, Refusal> {
    let orders = Orders::read(&received(request).await?)?;
    let good: Vec<_> = orders.each().filter_map(|order| order.as_ref().ok()).cloned().collect();
    let imported = if good.is_empty() {
        vec![]
    } else {
        let import = sessions.ask(async |session| session.import(&good, process::now()).await);
        asked(import).await?
    };
    let mut imported = imported.into_iter();
    let no_answer = || Imported::Refused("it was not looked at".to_owned());
    let results = |order: Result<_, Wrong>| {
        order.map(|order| (order, imported.next().unwrap_or_else(no_answer)))
    };
    Ok(match orders {
        Orders::One(order) => one(Some(*order).into_iter().map(results).next()),
        Orders::Several(orders) => several(orders.into_iter().map(results).collect()),
    })
}

/// `GET /api/v1/orders`: newest first, a page at a time.
pub(super) async fn list<L: Ledger>(
    State(sessions): State<Sessions<L>>,
    query: Result<Query<Parameters>, QueryRejection>,
) -> Result<Response, Refusal> {
    let Page { mut filter, after } = query::read(query, Page::read)?;
    let limit = filter.limit;
    let orders = sessions.ask(async |session| {
        if let Some(number) = after {
            let Some(order) = session.order(&number).await? else { return Ok(None) };
            filter.after = Some((order.summary.created_at, order.summary.order_no));
        }
        session.orders(&filter).await.map(Some)
    });
    let Some(orders) = asked(orders).await? else {
        return Err(Refusal::new(StatusCode::BAD_REQUEST, "after: no order bears this number"));
    };
    let is_full = i64::try_from(orders.len()).is_ok_and(|count| count == limit);
    let next = orders.last().filter(|_| is_full).map(|order| &order.order_no);
    Ok(answer(StatusCode::OK, &json!({ "orders": orders, "next": next })))
}

/// `GET /api/v1/orders/{number}`: one order with everything about it, by any of its numbers.
pub(super) async fn show<L: Ledger>(
    State(sessions): State<Sessions<L>>,
    number: Result<Path<String>, PathRejection>,
) -> Result<Response, Refusal> {
    let number = named(number)?;
    let order = asked(sessions.ask(async |session| session.order(&number).await)).await?;
    let order = order.ok_or_else(no_such_order)?;
    Ok(answer(StatusCode::OK, &json!(order)))
}

/// `POST /api/v1/orders/{number}/cancel`: until it is paid.
pub(super) async fn cancel<L: Ledger>(
    State(sessions): State<Sessions<L>>,
    number: Result<Path<String>, PathRejection>,
    request: Request,
) -> Result<Response, Refusal> {
    let number = named(number)?;
    let Act { reason } = Act::read(&received(request).await?)?;
    let cancel = sessions.ask(async |session| {
        let cancelled = session.cancel(&number, &reason, ACTOR, process::now()).await?;
        let further = match cancelled {
            Cancelled::NotFound => session.order(&number).await?,
            Cancelled::Done | Cancelled::Already | Cancelled::Paid(_) => None,
        };
        Ok((cancelled, further))
    });
    let (cancelled, further) = asked(cancel).await?;
    if further.is_some() {
        let why = "this is a further number of an order; cancel it by its own number";
        return Err(Refusal::new(StatusCode::NOT_FOUND, why));
    }
    let result = match cancelled {
        Cancelled::Done => "cancelled",
        Cancelled::Already => "unchanged",
        Cancelled::NotFound => return Err(no_such_order()),
        Cancelled::Paid(status) => {
            let error = "it cannot be cancelled any more; refund it at the provider";
            let body = json!({ "error": error, "status": status.as_str() });
            return Err(Refusal { status: StatusCode::CONFLICT, body });
        }
    };
    Ok(answer(StatusCode::OK, &json!({ "order_no": number, "result": result })))
}

/// Why an order is cancelled.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Act {
    reason: String,
}

impl Act {
    fn read(body: &[u8]) -> Result<Self, Refusal> {
        let document: Value = body::json(body)?;
        let act: Self = orders::read(document).map_err(|wrong| outcome::invalid(&wrong))?;
        let reason = reason(&act.reason)
            .map_err(|why| outcome::invalid(&Wrong::new(Some("reason".to_owned()), &why)))?;
        Ok(Self { reason })
    }
}

/// Which orders a list shows.
#[derive(Debug, PartialEq, Eq)]
struct Page {
    filter: OrderFilter,
    after: Option<String>,
}

impl Page {
    fn read(parameters: &Parameters) -> Result<Self, String> {
        let mut filter = OrderFilter { limit: LIMIT_DEFAULT, ..OrderFilter::default() };
        let mut after = None;
        for (name, value) in parameters {
            match name.as_str() {
                "status" => {
                    let words = OrderStatus::ALL.map(OrderStatus::as_str).join(", ");
                    let status = OrderStatus::from_word(value);
                    filter.status = Some(status.ok_or_else(|| format!("status: one of {words}"))?);
                }
                "account" => filter.account = Some(kept("account", value)?),
                "since" => {
                    let since = OffsetDateTime::parse(value, &Rfc3339).ok().and_then(recordable);
                    filter.since = Some(since.ok_or("since: a time as in RFC 3339")?);
                }
                "after" => after = Some(kept("after", value)?),
                "limit" => filter.limit = query::number("limit", value, 1, LIMIT_MAX)?,
                _ => {
                    return Err(
                        "only `status`, `account`, `since`, `after` and `limit` are known here"
                            .to_owned(),
                    );
                }
            }
        }
        Ok(Self { filter, after })
    }
}

/// A text that a ledger can look for: no engine keeps NUL.
fn kept(name: &str, value: &str) -> Result<String, String> {
    if value.contains('\0') { Err(format!("{name}: no NUL")) } else { Ok(value.to_owned()) }
}

fn named(number: Result<Path<String>, PathRejection>) -> Result<String, Refusal> {
    let unreadable = |_| Refusal::new(StatusCode::BAD_REQUEST, "the number is not readable");
    let Path(number) = number.map_err(unreadable)?;
    if number.contains('\0') { Err(no_such_order()) } else { Ok(number) }
}

fn no_such_order() -> Refusal {
    Refusal::new(StatusCode::NOT_FOUND, "no order bears this number")
}

/// Where an order can be read: every byte that is not plain is escaped.
fn place(number: &str) -> Option<HeaderValue> {
    let mut path = "/api/v1/orders/".to_owned();
    for byte in number.bytes() {
        if byte.is_ascii_alphanumeric() || b"-_~".contains(&byte) {
            path.push(char::from(byte));
        } else {
            path += &format!("%{byte:02X}");
        }
    }
    HeaderValue::from_str(&path).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn page(parameters: &[(&str, &str)]) -> Result<Page, String> {
        let owned = parameters.iter().map(|(name, value)| ((*name).into(), (*value).into()));
        Page::read(&owned.collect())
    }

    #[test]
    fn a_page_has_defaults_and_limits() {
        let plain = page(&[]).unwrap();
        assert_eq!((plain.filter.limit, plain.after), (100, None));
        let given = [("status", "paid"), ("since", "2026-11-23T00:00:00Z"), ("after", "A-1")];
        let given = page(&given).unwrap();
        assert_eq!(given.filter.status, Some(OrderStatus::Paid));
        assert_eq!(given.after.as_deref(), Some("A-1"));
        for (name, value) in [
            ("status", "fulfilled"),
            ("since", "yesterday"),
            ("since", "9999-12-31T23:59:59-01:00"),
            ("limit", "0"),
            ("limit", "1001"),
            ("after", "\0"),
            ("account", "a\0"),
        ] {
            assert!(page(&[(name, value)]).unwrap_err().starts_with(name), "{name}={value}");
        }
        assert!(page(&[("offset", "1")]).is_err());
    }

    #[test]
    fn a_place_holds_any_number() {
        let place = |number| place(number).unwrap().to_str().unwrap().to_owned();
        assert_eq!(place("A-1"), "/api/v1/orders/A-1");
        assert_eq!(place("../订 ?\r\n"), "/api/v1/orders/%2E%2E%2F%E8%AE%A2%20%3F%0D%0A");
    }
}
