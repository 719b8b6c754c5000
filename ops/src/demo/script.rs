//! What is played, and how each order or subscription must stand afterwards: the policy's rows, and then
//! what every provider must do.

use std::time::Duration;

use shared::provider::Provider;

use super::scene::{Scene, Story, Told};
use crate::simulate::Scenario;

mod policy;
mod every;
mod subscription;

const SOON: Duration = Duration::from_secs(8);
/// The promise for a payment that waited for its order.
const AFTER_THE_ORDER: Duration = Duration::from_secs(2);

/// Every scene, in the order of the performance. A provider plays the stories whose scenarios it has.
pub(super) fn scenes(known: impl Fn(Provider) -> Vec<Scenario>) -> Vec<Scene> {
    let mut told = vec![
        (Provider::Alipay, policy::STORIES),
        (Provider::WechatPay, policy::BY_TWO),
        (Provider::Adyen, policy::BATCHES),
        (Provider::WechatPay, subscription::STORIES),
    ];
    for provider in Provider::ALL.iter().copied() {
        told.push((provider, every::STORIES));
        told.push((provider, every::refunds_of(provider)));
        told.push((provider, subscription::life_of(provider)));
    }
    let mut scenes = vec![];
    for (provider, stories) in told {
        let known = known(provider);
        let played = stories.iter().filter(|story| story.is_known(&known));
        scenes.extend(played.map(|story| scene(provider, story)));
    }
    scenes
}

fn scene(provider: Provider, story: &'static Story) -> Scene {
    let number = match story.told {
        Told::Alone => format!("demo-{}", story.slug),
        Told::InColumn(..) => {
            format!("demo-{}-{}", provider.as_str().replace('_', "-"), story.slug)
        }
    };
    Scene { provider, story, number }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::ValueEnum as _;
    use std::collections::BTreeSet;

    #[test]
    fn every_scene_has_a_number_of_its_own() {
        let scenes = scenes(|_| Scenario::value_variants().to_vec());
        let numbers: BTreeSet<_> = scenes.iter().map(|scene| &scene.number).collect();
        assert_eq!(numbers.len(), scenes.len());
    }

    #[test]
    fn a_story_needs_its_scenarios() {
        assert_eq!(scenes(|_| vec![]).len(), 0);
        let all = scenes(|_| Scenario::value_variants().to_vec()).len();
        assert!(scenes(|_| vec![Scenario::Paid]).len() < all);
    }
}
