//! Where the demonstration plays: a folder, free ports, an account of every provider with what its
//! notifications are signed with, and a configuration.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use shared::config::{Config, load};
use shared::process;
use shared::provider::Provider;
use tokio::net::TcpListener;
use tokio::task::JoinSet;

use crate::cli::output::say;
use crate::serve::Doors;
use crate::simulate::signing::Signing;
use crate::simulate::{self, Sender, key};

/// What to try on the orders that were played.
const INVITATION: [&str; 6] = [
    "simulate alipay refund-full --account shop-alipay --order demo-paid",
    "orders show demo-paid",
    "simulate stripe refund-partial --account shop-stripe --order demo-stripe-duplicates",
    "simulate paypal forged --account shop-paypal --order demo-paypal-duplicates --print=curl",
    "cases list",
    "balance",
];

/// Everything that outlives a scene.
pub(super) struct Stage {
    pub(super) config: Config,
    senders: BTreeMap<Provider, Box<dyn Sender>>,
    folder: Folder,
}

/// The account that a provider pays.
pub(super) fn account(provider: Provider) -> String {
    format!("shop-{}", provider.as_str().replace('_', "-"))
}

enum Folder {
    /// Goes with the program.
    Temporary(tempfile::TempDir),
    Kept(PathBuf),
}

impl Stage {
    /// The listeners are bound first, on whatever ports are free, and then written down.
    pub(super) async fn build(keep: bool) -> anyhow::Result<(Self, Doors)> {
        let folder = tempfile::Builder::new().prefix("quittance-demo-").tempdir();
        let folder = folder.context("making a temporary folder")?;
        let folder = if keep { Folder::Kept(folder.keep()) } else { Folder::Temporary(folder) };
        let doors = Doors {
            ingress: listener().await?,
            admin: listener().await?,
            console: listener().await?,
        };
        let text = configuration(&doors, folder.path())?;
        std::fs::write(folder.path().join(load::DEFAULT_FILE), &text)
            .context("writing the configuration")?;
        // Whatever the environment configures is another installation's.
        let config = load::parse(&text, std::iter::empty(), folder.path().to_owned())?;
        let senders = senders(&config).await?;
        Ok((Self { config, senders, folder }, doors))
    }

    /// The provider's side of the wire.
    pub(super) fn sender(&self, provider: Provider) -> anyhow::Result<&dyn Sender> {
        let sender = self.senders.get(&provider).context("a provider that is not played")?;
        Ok(sender.as_ref())
    }

    pub(super) fn url(&self, provider: Provider) -> String {
        format!("http://{}/notify/{}", self.config.ingress.listen, account(provider))
    }

    /// Tells what there is to try while it goes on serving.
    pub(super) fn invite(&self) {
        let file = self.folder.path().join(load::DEFAULT_FILE);
        let (file, console) = (file.display(), self.config.console.listen);
        say(&format!(
            "\nstill serving; the console is at http://{console}/ and Ctrl-C ends it. Try:\n"
        ));
        for line in INVITATION {
            say(&format!("  quittance {line} --config {file}"));
        }
        say("");
    }

    /// Says where a kept folder is.
    pub(super) fn leave(self) {
        match self.folder {
            Folder::Temporary(folder) => drop(folder),
            Folder::Kept(path) => say(&format!("kept in {}", path.display())),
        }
    }
}

impl Folder {
    fn path(&self) -> &Path {
        match self {
            Self::Temporary(folder) => folder.path(),
            Self::Kept(path) => path,
        }
    }
}

async fn listener() -> anyhow::Result<TcpListener> {
    TcpListener::bind(("127.0.0.1", 0)).await.context("no free port on loopback")
}

/// Opens every provider's side at once: making keys takes its time.
async fn senders(config: &Config) -> anyhow::Result<BTreeMap<Provider, Box<dyn Sender>>> {
    let mut opening = JoinSet::new();
    for provider in Provider::ALL.iter().copied() {
        let (account, base) = (account(provider), config.base.clone());
        let section = config.accounts.get(&account).context("an account without a section")?;
        let own = section.own.clone();
        opening.spawn_blocking(move || {
            let opened =
                simulate::open(&own, &mut Signing::new(&account, &base, None, process::now()));
            opened.map(|sender| (provider, sender))
        });
    }
    let mut senders = BTreeMap::new();
    while let Some(opened) = opening.join_next().await {
        let (provider, sender) = opened??;
        senders.insert(provider, sender);
    }
    Ok(senders)
}

/// Writes the secrets that accounts share with their providers, and returns the configuration's text.
fn configuration(doors: &Doors, folder: &Path) -> anyhow::Result<String> {
    let (ingress, admin) = (doors.ingress.local_addr()?, doors.admin.local_addr()?);
    let console = doors.console.local_addr()?;
    let mut text = format!(
        r#"# Written by `quittance demo`.
[embedded]
path = "quittance.db"

[ingress]
listen = "{ingress}"
admin_listen = "{admin}"

[console]
listen = "{console}"
"#
    );
    for provider in Provider::ALL.iter().copied() {
        let sample = simulate::sample(provider, &account(provider));
        text += &format!("\n{}", sample.section);
        for (file, secret) in &sample.files {
            let path = folder.join(file);
            key::write_private(&path, secret).with_context(|| path.display().to_string())?;
        }
    }
    Ok(text)
}
