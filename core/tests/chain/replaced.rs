//! Sessions that end, or get another id, on one machine while another one has them: on MySQL, on Redis and on both.

use rustdb_core::config::Settings;
use rustdb_core::sessions::{Held, Intent, Sessions, Told};
use rustdb_core::store::Access;

use crate::contract_support::id;
use crate::host::settings;
use crate::machine::Servers;

/// Each store, as two machines have it.
fn on_each_store(grace: u64, test: impl Fn(&Sessions, &Sessions)) {
    let (mysql, redis, both) = (Servers::start(), Servers::start(), Servers::start());
    for store in [mysql.url.clone(), redis.redis.url(), format!("{}?least=0 {}", both.redis.url(), both.url)] {
        let machines = [0, 1].map(|_| tempfile::tempdir().unwrap());
        let [here, there] = machines.each_ref().map(|directory| {
            let settings = settings(&store, directory.path());
            Sessions::open(&Settings { regenerate_grace: grace, ..settings }).unwrap()
        });
        test(&here, &there);
    }
}

fn begin(sessions: &Sessions, name: &str) -> Held {
    sessions.begin(id(name), Access::Exclusive).unwrap().unwrap()
}

fn write(sessions: &Sessions, held: &mut Held, payload: &[u8]) {
    sessions.commit(held, Intent::Write(payload), 1440, &Told::default()).unwrap();
}

/// What is found, and under which id.
fn look(sessions: &Sessions, name: &str) -> (bool, Vec<u8>) {
    let mut held = sessions.begin(id(name), Access::ReadOnly).unwrap().unwrap();
    (held.exists(), held.take_payload().unwrap())
}

/// Replaces an id; the session under the new one is held.
fn replace(sessions: &Sessions, old: &str, new: &str) -> Held {
    let mut held = begin(sessions, old);
    let heir = sessions.hand_over(&mut held, id(new), true).unwrap().unwrap();
    sessions.release(held);
    heir
}

#[test]
fn a_second_change_does_not_bring_back_what_another_machine_ended_after_the_first() {
    on_each_store(0, |here, there| {
        let mut first = begin(here, "twice");
        write(here, &mut first, b"a|i:1;");
        let mut other = begin(there, "twice");
        there.commit(&mut other, Intent::Destroy, 0, &Told::default()).unwrap();
        there.release(other);
        write(here, &mut first, b"a|i:2;");
        here.release(first);
        assert_eq!(look(there, "twice"), (false, Vec::new()));
        there.release(begin(there, "twice"));
    });
}

#[test]
fn a_second_change_does_not_undo_what_another_machine_did_to_the_id_after_the_first() {
    on_each_store(60, |here, there| {
        let mut first = begin(here, "old");
        write(here, &mut first, b"a|i:1;");
        let mut heir = replace(there, "old", "new");
        write(here, &mut first, b"a|i:2;");
        here.release(first);
        write(there, &mut heir, b"a|i:3;");
        there.release(heir);
        assert_eq!(look(here, "old"), (true, b"a|i:3;".to_vec()));
    });
}

#[test]
fn an_id_that_was_replaced_leads_there_from_another_machine_until_the_session_ends() {
    on_each_store(60, |here, there| {
        let mut held = begin(here, "old");
        write(here, &mut held, b"a|i:1;");
        here.release(held);
        let heir = replace(here, "old", "new");
        // Who only reads does not wait, and the session is there already.
        assert_eq!(look(there, "old"), (true, b"a|i:1;".to_vec()));
        std::thread::scope(|scope| {
            let waiter = scope.spawn(|| {
                let sessions = there;
                let mut held = begin(sessions, "old");
                assert_eq!(held.take_payload().unwrap(), b"a|i:2;");
                assert_eq!(held.id(), b"old");
                assert_eq!(held.take_its_own_id(), Some(b"new".as_slice()));
                sessions.commit(&mut held, Intent::Destroy, 0, &Told::default()).unwrap();
                sessions.release(held);
            });
            let mut heir = heir;
            write(here, &mut heir, b"a|i:2;");
            here.release(heir);
            waiter.join().unwrap();
        });
        for name in ["old", "new"] {
            assert_eq!(look(here, name), (false, Vec::new()), "{name}");
            let asked = here.begin(id(name), Access::ExclusiveIfExists).unwrap();
            assert!(asked.is_none(), "{name} is held, and does not exist");
            // Nothing is left locked.
            there.release(begin(there, name));
        }
    });
}
