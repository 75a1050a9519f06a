//! Files: whose they are, what they may be, and who has them locked.

use std::os::fd::AsRawFd;
use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use rustdb_core::error::ErrorKind;
use rustdb_core::store::Access;

use crate::contract_support::id;
use crate::here::Here;
use crate::places::{Files, Place};

/// Takes PHP's lock of a file, or lets go of it.
fn flock(file: &std::fs::File, operation: i32) {
    // SAFETY: a call of the kernel's on an open file.
    assert_eq!(unsafe { libc::flock(file.as_raw_fd(), operation) }, 0);
}

/// What becomes of who wants the session.
fn failure(here: &Here, name: &str) -> rustdb_core::error::Error {
    here.sessions.begin(id(name), Access::Exclusive).unwrap_err()
}

#[test]
fn a_file_that_a_request_has_locked_is_waited_for_and_read_as_it_left_it() {
    let at = Files::new(0, "sess_");
    at.put("a", b"old", 1000);
    let here = Here::new(&at.url(""));
    let holder = std::fs::File::options().write(true).open(at.path("a")).unwrap();
    flock(&holder, libc::LOCK_EX);
    let (path, begun) = (at.path("a"), Instant::now());
    std::thread::scope(|scope| {
        let writer = scope.spawn(|| {
            // It has been waited for when the other one is seen to wait for the file's lock.
            std::thread::sleep(Duration::from_millis(300));
            std::fs::write(&path, b"new").unwrap();
            flock(&holder, libc::LOCK_UN);
        });
        assert_eq!(here.find("a").as_deref(), Some(b"new".as_slice()));
        writer.join().unwrap();
    });
    assert!(begun.elapsed() >= Duration::from_millis(300));
}

#[test]
fn a_file_that_stays_locked_is_not_waited_for_longer_than_lock_wait() {
    let at = Files::new(0, "sess_");
    at.put("a", b"old", 1000);
    let here = Here::with(&at.url(""), &[("lock_wait", "0.2")]);
    let holder = std::fs::File::open(at.path("a")).unwrap();
    flock(&holder, libc::LOCK_EX);
    let error = failure(&here, "a");
    assert_eq!(error.kind(), ErrorKind::LockTimeout);
    assert!(error.to_string().contains("rustdb.lock_wait"), "{error}");
    // The lock here went with it.
    flock(&holder, libc::LOCK_UN);
    assert_eq!(here.find("a").as_deref(), Some(b"old".as_slice()));
}

#[test]
fn a_file_that_is_destroyed_while_it_is_waited_for_is_not_brought_over() {
    let at = Files::new(0, "sess_");
    at.put("a", b"old", 1000);
    let here = Here::new(&at.url(""));
    let holder = std::fs::File::open(at.path("a")).unwrap();
    flock(&holder, libc::LOCK_EX);
    std::thread::scope(|scope| {
        let waiter = scope.spawn(|| {
            let other = here.beside(&at.url(""), &[]);
            let held = other.begin(id("a"), Access::Exclusive).unwrap().unwrap();
            let exists = held.exists();
            other.release(held);
            exists
        });
        std::thread::sleep(Duration::from_millis(200));
        std::fs::remove_file(at.path("a")).unwrap();
        drop(holder);
        assert!(!waiter.join().unwrap());
    });
}

#[test]
fn what_is_no_session_of_this_user_is_no_session() {
    let at = Files::new(0, "sess_");
    let here = Here::new(&at.url(""));
    std::fs::create_dir(at.path("directory")).unwrap();
    assert_eq!(here.find("directory"), None);
    let fifo = std::ffi::CString::new(at.path("fifo").into_os_string().into_encoded_bytes()).unwrap();
    // SAFETY: a path that ends with a zero byte.
    assert_eq!(unsafe { libc::mkfifo(fifo.as_ptr(), 0o600) }, 0);
    assert_eq!(here.find("fifo"), None);
    // A link could lead anywhere.
    std::fs::write(at.directory.path().join("elsewhere"), b"secret").unwrap();
    symlink(at.directory.path().join("elsewhere"), at.path("link")).unwrap();
    let error = failure(&here, "link");
    assert!(error.to_string().contains("rustdb.migrate_from"), "{error}");
    assert_eq!(here.migrated(), 0);
}

#[test]
fn a_directory_that_is_not_there_has_no_sessions() {
    let here = Here::new("files:///nowhere/at/all?lifetime=1440");
    assert_eq!(here.find("a"), None);
    here.write("a", b"x");
    here.destroy("a");
    assert_eq!(here.find("a"), None);
    assert_eq!(here.log(), [""; 0]);
}

#[test]
fn a_sparse_file_of_any_size_is_refused_and_stays() {
    let at = Files::new(0, "sess_");
    at.put("a", b"x", 1000);
    std::fs::File::options().write(true).open(at.path("a")).unwrap().set_len(1 << 40).unwrap();
    let here = Here::new(&at.url("&remove=1"));
    let error = failure(&here, "a");
    assert_eq!(error.kind(), ErrorKind::Damaged);
    assert!(error.to_string().contains("rustdb.migrate_from") && at.has("a"), "{error}");
}

/// In a process without root's powers, in which a read-only directory is one.
#[test]
fn an_old_copy_that_cannot_be_removed_does_not_come_back() {
    const JOB: &str = "RUSTDB_MIGRATE_READ_ONLY";
    let Some(directory) = std::env::var_os(JOB) else {
        // SAFETY: a call that cannot fail.
        let root = unsafe { libc::geteuid() } == 0;
        let place = tempfile::tempdir().unwrap();
        let open = std::fs::Permissions::from_mode(0o777);
        std::fs::set_permissions(place.path(), open).unwrap();
        // The test binary may lie where only root gets to.
        let copy = place.path().join("test");
        std::fs::copy(std::env::current_exe().unwrap(), &copy).unwrap();
        let mut command = Command::new(if root { "setpriv" } else { "env" });
        if root {
            command.args(["--reuid=65534", "--regid=65534", "--clear-groups"]);
        }
        let run = command
            .arg(&copy)
            .args(["an_old_copy_that_cannot_be_removed_does_not_come_back", "--nocapture"])
            .env(JOB, place.path())
            .env("TMPDIR", place.path())
            .stdin(Stdio::null())
            .output()
            .unwrap();
        let said = String::from_utf8_lossy(&run.stdout).into_owned() + &String::from_utf8_lossy(&run.stderr);
        assert!(run.status.success() && said.contains("1 passed"), "{said}");
        return;
    };
    let at = Files::new(0, "sess_");
    assert_ne!(at.directory.path().metadata().unwrap().uid(), 0, "{directory:?}");
    at.put("a", b"login", 3000);
    at.put("b", b"login", 3000);
    let allow = |mode| std::fs::set_permissions(at.directory.path(), std::fs::Permissions::from_mode(mode)).unwrap();
    allow(0o555);
    for more in ["", "&remove=1"] {
        let here = Here::new(&at.url(more));
        assert_eq!(here.find("b").as_deref(), Some(b"login".as_slice()), "it is brought over all the same");
        for name in ["a", "b"] {
            here.destroy(name);
            assert!(at.has(name));
            // An empty one keeps its place for as long as the copy lives.
            assert_eq!(here.find(name).as_deref(), Some(b"".as_slice()));
            assert!(here.left(name) >= 2990);
            here.write(name, b"guest");
            here.destroy(name);
            assert_eq!(here.find(name).as_deref(), Some(b"".as_slice()));
        }
        assert!(here.log().iter().all(|line| line.contains("cannot remove")), "{:?}", here.log());
        // Where there is no copy, none keeps anybody's place.
        here.write("c", b"x");
        here.destroy("c");
        assert_eq!(here.find("c"), None);
    }
    allow(0o755);
}
