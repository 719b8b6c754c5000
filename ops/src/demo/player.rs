//! Takes a scene's steps, compares the answers, and looks how the order or subscription stands afterwards.

use std::time::{Duration, Instant};

use anyhow::{Context as _, bail};
use futures_util::future::join_all;
use shared::money::{Currency, Money};
use shared::process;
use shared::provider::Provider;
use worker::ledger::Session;
use worker::ledger::records::{Cancelled, Imported, NewOrder, NewSubscription, SubscriptionFilter};

use super::report::Outcome;
use super::scene::{Scene, Step};
use super::stage::{Stage, account};
use super::standing::{of_order, of_subscription};
use crate::cli::output::progress;
use crate::simulate::post::{Answer, send};
use crate::simulate::{Scenario, Simulated, Terms, seed_of};

const AMOUNT_MINOR: i64 = 10;
const LOOK_EVERY: Duration = Duration::from_millis(20);
const STEP_TIMEOUT: Duration = Duration::from_secs(8);
const ABSENT: &str = "nothing of this number";
const SPINNER: [char; 4] = ['|', '/', '-', '\\'];

/// One request: another seed is another transaction, another charge another month.
#[derive(Debug, Clone, Copy)]
struct Sending {
    by: Provider,
    scenario: Scenario,
    seed: u64,
    charge: u32,
}

/// Plays scenes against a serving system, and counts what was accepted.
pub(super) struct Player<'a, S> {
    stage: &'a Stage,
    pub(super) session: S,
    pub(super) accepted: i64,
}

impl<'a, S: Session> Player<'a, S> {
    pub(super) fn new(stage: &'a Stage, session: S) -> Self {
        Self { stage, session, accepted: 0 }
    }

    pub(super) fn scenarios(&self, provider: Provider) -> Vec<Scenario> {
        self.stage.sender(provider).map(|sender| sender.scenarios()).unwrap_or_default()
    }

    /// Do all parts say that they are ready?
    pub(super) async fn is_served(&self) -> bool {
        let url = format!("http://{}/readyz", self.stage.config.ingress.admin_listen);
        let client = reqwest::Client::builder().no_proxy().timeout(STEP_TIMEOUT).build();
        match client {
            Ok(client) => client.get(url).send().await.is_ok_and(|answer| answer.status() == 200),
            Err(_) => false,
        }
    }

    pub(super) async fn play(&mut self, scene: &Scene) -> anyhow::Result<Outcome> {
        let mut wrong = None;
        for step in scene.story.steps {
            if let Some(found) = self.act(scene, *step).await? {
                wrong.get_or_insert(found);
            }
        }
        let begun = Instant::now();
        let became = self.stands(scene, scene.story.standing, scene.story.within).await?;
        let mut outcome = Outcome::new(scene, became, begun.elapsed());
        if let Some(wrong) = wrong {
            outcome.fail(wrong);
        }
        Ok(outcome)
    }

    /// Looks once more, at rest: nothing may have come later.
    pub(super) async fn look_again(
        &mut self,
        scene: &Scene,
        outcome: &mut Outcome,
    ) -> anyhow::Result<()> {
        let now = self.standing(&scene.number).await?;
        if outcome.ok && now != scene.story.standing {
            outcome.fail(format!("later: {now}"));
        }
        Ok(())
    }

    /// Takes one step; tells what was not as it should be.
    async fn act(&mut self, scene: &Scene, step: Step) -> anyhow::Result<Option<String>> {
        let order_no = scene.number.as_str();
        let send = |scenario, seed| Sending { by: scene.provider, scenario, seed, charge: 0 };
        match step {
            Step::Order => self.import(scene, Some(account(scene.provider))).await?,
            Step::AnyOrder => self.import(scene, None).await?,
            Step::Cancel => {
                let now = process::now();
                let cancelled = self.session.cancel(order_no, "demo", "cli:demo", now).await?;
                if cancelled != Cancelled::Done {
                    bail!("{order_no} could not be cancelled: {cancelled:?}");
                }
            }
            Step::Subscribe => self.subscribe(scene).await?,
            Step::Send(scenario, seed) => {
                return self.send(scene, send(scenario, seed), 1).await;
            }
            Step::Tell(scenario, charge) => {
                return self.send(scene, Sending { charge, ..send(scenario, 0) }, 1).await;
            }
            Step::SendBy(by, scenario, seed) => {
                return self.send(scene, Sending { by, ..send(scenario, seed) }, 1).await;
            }
            Step::AtOnce(scenario, seed, times) => {
                return self.send(scene, send(scenario, seed), times).await;
            }
            Step::Await(expected) => {
                let found = self.stands(scene, expected, STEP_TIMEOUT).await?;
                if found != expected {
                    return Ok(Some(format!("on the way: {found}")));
                }
            }
            Step::Rest => self.taken_up().await?,
        }
        Ok(None)
    }

    async fn import(&mut self, scene: &Scene, payee: Option<String>) -> anyhow::Result<()> {
        let order_no = &scene.number;
        let order = NewOrder {
            order_no: order_no.clone(),
            amount: AMOUNT_MINOR,
            currency: self.stage.sender(scene.provider)?.currency(),
            account: payee,
            numbers: vec![],
            expires_at: None,
            // Some providers are played in their sandboxes.
            mode: Some(self.stage.config.choices().rules.mode(&account(scene.provider))),
            subscription_no: None,
            period: None,
            metadata: None,
        };
        match self.session.import(&[order], process::now()).await?.first() {
            Some(Imported::Inserted) => Ok(()),
            other => bail!("{order_no} could not be imported: {other:?}"),
        }
    }

    async fn subscribe(&mut self, scene: &Scene) -> anyhow::Result<()> {
        let one = NewSubscription {
            subscription_no: scene.number.clone(),
            account: account(scene.provider),
            agreement_no: None,
            amount: AMOUNT_MINOR,
            currency: self.stage.sender(scene.provider)?.currency(),
            period: "P1M".to_owned(),
            anchor: None,
            time_zone: "UTC".to_owned(),
            grace: "P3D".to_owned(),
            metadata: None,
        };
        match self.session.subscribe(&[one], process::now()).await?.first() {
            Some(Imported::Inserted) => Ok(()),
            other => bail!("{} could not be written: {other:?}", scene.number),
        }
    }

    /// Sends one request, or the same so many times together; tells what was answered wrongly.
    async fn send(
        &mut self,
        scene: &Scene,
        sending: Sending,
        times: usize,
    ) -> anyhow::Result<Option<String>> {
        let sender = self.stage.sender(sending.by)?;
        let terms = terms(scene, sending, sender.currency());
        let simulated = sender.simulate(sending.scenario, &terms);
        let simulated = simulated.context("a scenario it does not have")?;
        let url = self.stage.url(sending.by);
        let answers = join_all((0..times).map(|_| send(&url, &simulated))).await;
        let mut wrong = None;
        for answer in answers {
            match answer {
                Ok(answer) => {
                    self.accepted += i64::from(answer.status == simulated.provider.accept().status);
                    wrong = wrong.or_else(|| unexpected(&simulated, &answer));
                }
                Err(error) => wrong = wrong.or_else(|| Some(error.to_string())),
            }
        }
        Ok(wrong)
    }

    /// Waits until the order stands so, or time is up, and tells how it stands.
    async fn stands(
        &mut self,
        scene: &Scene,
        expected: &str,
        within: Duration,
    ) -> anyhow::Result<String> {
        let mut found = String::new();
        let mut looks = 0;
        let looking = until(within, async || {
            found = self.standing(&scene.number).await?;
            progress(&format!("{} {}: {found}", SPINNER[looks % SPINNER.len()], scene.number));
            looks += 1;
            Ok((found == expected).then_some(()))
        });
        looking.await?;
        progress("");
        Ok(found)
    }

    async fn standing(&mut self, number: &str) -> anyhow::Result<String> {
        if let Some(order) = self.session.order(number).await? {
            return Ok(of_order(&order));
        }
        let subscription_no = Some(number.to_owned());
        let filter = SubscriptionFilter { subscription_no, status: None, limit: 1 };
        let one = self.session.subscriptions(&filter).await?;
        Ok(one.first().map_or_else(|| ABSENT.to_owned(), of_subscription))
    }

    /// Waits until each message that was accepted stands in the ledger.
    async fn taken_up(&mut self) -> anyhow::Result<()> {
        let accepted = self.accepted;
        let taken = until(STEP_TIMEOUT, async || {
            let balance = self.session.balance().await?;
            Ok((balance.accepted >= accepted).then_some(()))
        });
        if taken.await?.is_none() {
            bail!("what was accepted did not reach the ledger within {STEP_TIMEOUT:?}");
        }
        Ok(())
    }
}

/// Asks until there is an answer, or time is up.
pub(super) async fn until<T>(
    within: Duration,
    mut ask: impl AsyncFnMut() -> anyhow::Result<Option<T>>,
) -> anyhow::Result<Option<T>> {
    let begun = Instant::now();
    loop {
        if let Some(answer) = ask().await? {
            return Ok(Some(answer));
        }
        if begun.elapsed() >= within {
            return Ok(None);
        }
        tokio::time::sleep(LOOK_EVERY).await;
    }
}

fn terms(scene: &Scene, sending: Sending, currency: Currency) -> Terms {
    let number = scene.number.clone();
    let of_agreement = scene.story.steps.iter().any(|step| matches!(step, Step::Subscribe));
    Terms {
        amount: Money { minor: AMOUNT_MINOR, currency },
        // Each order has transactions of its own, and a refund finds its payment.
        seed: seed_of(&account(scene.provider), &number).wrapping_add(sending.seed),
        charge: sending.charge,
        now: process::now(),
        // The provider deducts by itself, under a number of its own.
        order_no: if of_agreement {
            format!("{number}-{}", sending.charge + 1)
        } else {
            number.clone()
        },
        agreement: number,
    }
}

fn unexpected(simulated: &Simulated, answer: &Answer) -> Option<String> {
    if simulated.is_answered_by(answer) {
        return None;
    }
    let Answer { status, body } = answer;
    Some(format!("answered {status} {body:?}, expected: {}", simulated.expected.as_str()))
}
