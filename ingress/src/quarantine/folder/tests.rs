//! The folder on a real disk.

use std::os::unix::fs::{PermissionsExt as _, symlink};

use shared::provider::Headers;
use shared::secret::cipher::CipherError;
use tempfile::TempDir;
use time::macros::datetime;

use super::*;
use crate::quarantine::id_at;

const AT: OffsetDateTime = datetime!(2026-11-23 12:00:00.5 UTC);

fn about(account: &str, received_at: OffsetDateTime) -> About {
    let (account, provider) = (account.to_owned(), "alipay".to_owned());
    About { account, provider, reason: "forged".to_owned(), received_at, bytes: 3 }
}

fn request() -> Request {
    Request { headers: Headers::default(), body: (&b"a=b"[..]).into() }
}

fn fresh() -> (TempDir, Folder) {
    let parent = tempfile::tempdir().unwrap();
    let cipher = Cipher::parse(&Cipher::generate()).unwrap();
    let folder = Folder::open(parent.path().join("q"), cipher).unwrap();
    (parent, folder)
}

#[test]
fn what_is_put_is_found_oldest_first_and_only_its_owner_reads_it() {
    let (_parent, folder) = fresh();
    let times = [AT + Duration::hours(1), AT];
    for (account, at) in ["shop", "outlet"].into_iter().zip(times) {
        folder.put(id_at(at), &about(account, at), &request()).unwrap();
    }
    let entries = folder.entries().unwrap();
    let told: Vec<_> = entries.iter().map(|entry| folder.about(entry).unwrap().account).collect();
    assert_eq!(told, ["outlet", "shop"]);
    assert_eq!(entries[0].kept_at(), Some(AT));
    assert_eq!(folder.request(&entries[0]).unwrap().1.body, "a=b");
    let path = folder.file(&entries[0]);
    let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(
        (mode(&path), mode(path.parent().unwrap()), mode(&folder.path)),
        (0o600, 0o700, 0o700)
    );
    assert!(folder.remove(&entries[0]).unwrap());
    assert!(!folder.remove(&entries[0]).unwrap(), "somebody was quicker");
    assert_eq!(folder.entries().unwrap(), entries[1..]);
}

#[test]
fn names_and_links_that_lead_elsewhere_are_left_alone() {
    let (parent, folder) = fresh();
    for account in ["..", "../shop", "a/b", "", ".", "a\0b", &"x".repeat(65)] {
        let refused = folder.put(id_at(AT), &about(account, AT), &request());
        assert_eq!(refused, Err(Unusable::Form), "{account:?}");
    }
    folder.put(id_at(AT), &about("shop", AT), &request()).unwrap();
    let known = folder.entries().unwrap();
    let outside = parent.path().join("outside");
    fs::create_dir(&outside).unwrap();
    let id = Uuid::now_v7();
    fs::write(outside.join(format!("{id}{ENDING}")), "secret").unwrap();
    symlink(&outside, folder.path.join("linked")).unwrap();
    symlink(outside.join(format!("{id}{ENDING}")), folder.path.join(format!("shop/{id}{ENDING}")))
        .unwrap();
    for name in ["shop/..request", "shop/x.request", "shop/notes.txt", "stray"] {
        fs::write(folder.path.join(name), "x").unwrap();
    }
    fs::create_dir(folder.path.join(format!("shop/{}{ENDING}", Uuid::now_v7()))).unwrap();
    assert_eq!(folder.entries().unwrap(), known);
}

#[test]
fn a_file_under_another_name_or_account_does_not_open() {
    let (_parent, folder) = fresh();
    folder.put(id_at(AT), &about("shop", AT), &request()).unwrap();
    let entry = folder.entries().unwrap().remove(0);
    let renamed = Entry { id: Uuid::now_v7(), ..entry.clone() };
    let moved = Entry { account: "outlet".into(), ..entry.clone() };
    make(&folder.path.join("outlet")).unwrap();
    for other in [renamed, moved] {
        fs::copy(folder.file(&entry), folder.file(&other)).unwrap();
        assert_eq!(folder.about(&other).unwrap_err(), Unusable::Sealed(CipherError::Open));
        assert!(folder.request(&other).is_err());
    }
}

#[test]
fn what_a_crash_left_unfinished_is_no_request_and_goes() {
    let (_parent, folder) = fresh();
    make(&folder.path.join("shop")).unwrap();
    let path = |at| folder.path.join(format!("shop/{}{UNFINISHED}", id_at(at)));
    let (old, new) = (path(AT), path(AT + UNFINISHED_MAX));
    fs::write(&old, "half").unwrap();
    fs::write(&new, "half").unwrap();
    assert_eq!(folder.entries().unwrap(), []);
    folder.clear_unfinished(AT + UNFINISHED_MAX + Duration::seconds(1)).unwrap();
    assert_eq!((old.exists(), new.exists()), (false, true));
}

#[test]
fn a_folder_that_is_not_there_holds_nothing() {
    let (parent, folder) = fresh();
    let missing = Folder::existing(parent.path().join("nowhere"), folder.cipher.clone());
    assert_eq!(missing.entries().unwrap(), []);
    assert!(!parent.path().join("nowhere").exists());
}
