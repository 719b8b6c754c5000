//! Where the demonstration plays: a folder, free ports, a key pair, and a configuration.

use std::path::{Path, PathBuf};

use anyhow::Context as _;
use rsa::RsaPrivateKey;
use shared::config::{Config, load};
use tokio::net::TcpListener;

use crate::cli::output::say;
use crate::serve::Doors;
use crate::simulate::key;

/// The account that is paid.
pub(super) const ACCOUNT: &str = "shop-alipay";
pub(super) const APP_ID: &str = "2021000000000001";
pub(super) const SELLER_ID: &str = "2088102177890000";

/// Everything that outlives a scene.
pub(super) struct Stage {
    pub(super) config: Config,
    pub(super) key: RsaPrivateKey,
    folder: Folder,
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
        let key_file = folder.path().join(format!("keys/{ACCOUNT}.simulate.pem"));
        let key = tokio::task::spawn_blocking(move || key::make(&key_file)).await??;
        let doors = Doors {
            ingress: listener().await?,
            admin: listener().await?,
            console: listener().await?,
        };
        let file = folder.path().join(load::DEFAULT_FILE);
        let text = configuration(&doors)?;
        std::fs::write(&file, &text).context("writing the configuration")?;
        // Whatever the environment configures is another installation's.
        let config = load::parse(&text, std::iter::empty(), folder.path().to_owned())?;
        Ok((Self { config, key, folder }, doors))
    }

    /// Tells what there is to try while it goes on serving.
    pub(super) fn invite(&self) {
        let file = self.folder.path().join(load::DEFAULT_FILE);
        let (file, console) = (file.display(), self.config.console.listen);
        say(&format!(
            "\nstill serving; the console is at http://{console}/ and Ctrl-C ends it. Try:\n\n  \
             quittance simulate alipay refund-full --account {ACCOUNT} --order demo-paid --config {file}\n  \
             quittance orders show demo-paid --config {file}\n"
        ));
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

fn configuration(doors: &Doors) -> anyhow::Result<String> {
    let (ingress, admin) = (doors.ingress.local_addr()?, doors.admin.local_addr()?);
    let console = doors.console.local_addr()?;
    Ok(format!(
        r#"# Written by `quittance demo`.
[embedded]
path = "quittance.db"

[ingress]
listen = "{ingress}"
admin_listen = "{admin}"

[console]
listen = "{console}"

[accounts.{ACCOUNT}]
provider = "alipay"
app_id = "{APP_ID}"
seller_id = "{SELLER_ID}"
public_keys = ["keys/{ACCOUNT}.simulate.pub.pem"]

# Another application of the same merchant: what is genuine for it is not for the first.
[accounts.outlet-alipay]
provider = "alipay"
app_id = "2021000000000007"
seller_id = "{SELLER_ID}"
public_keys = ["keys/{ACCOUNT}.simulate.pub.pem"]
"#
    ))
}
