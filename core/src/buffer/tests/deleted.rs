//! The buffer's file deleted under processes that use it.

use super::*;

#[test]
fn entries_of_every_size_are_carried_over_whole() {
    for seed in 0..4 {
        let scene = Scene::new();
        let buffer = scene.open(SMALL);
        let mut random = StdRng::seed_from_u64(seed);
        let mut model = HashMap::new();
        // As full as it gets.
        for number in 0..10_000u32 {
            let name = format!("c{number}");
            let payload = vec![number as u8; random.random_range(0..=largest(&buffer))];
            if put(&buffer, &name, &payload) != Put::Done {
                break;
            }
            model.insert(name, payload);
        }
        let before = buffer.live.read().epoch;
        delete(&buffer);
        for (name, payload) in &model {
            assert!(self::payload(&buffer, name).as_ref() == Some(payload), "{name} was not carried over");
        }
        assert!(buffer.live.read().epoch > before);
        assert_eq!(buffer.report().unwrap().unflushed, model.len() as u64);
        assert!(model.len() > 10, "{}", model.len());
    }
}

/// Deletes the files of a buffer, and has the process see that with its next look.
fn delete(buffer: &Buffer) {
    let path = buffer.live.read().directory.clone();
    std::fs::remove_dir_all(path).unwrap();
    buffer.look_again();
}

#[test]
fn a_deleted_buffer_is_one_for_all_who_have_it_until_somebody_makes_another() {
    let scene = Scene::new();
    let (one, other) = (scene.open(SMALL), scene.open(SMALL));
    assert_eq!(put(&other, "t", b"noted"), Put::Done);
    assert_eq!(put(&one, "t", b"noted"), Put::Done);
    // What follows takes a small part of a second, and is to begin with one.
    let second = now();
    while now() == second {
        std::thread::sleep(std::time::Duration::from_millis(5));
    }
    let look_later = || [&one, &other].iter().for_each(|buffer| buffer.looked.store(now(), Ordering::Relaxed));
    let before = one.live.read().epoch;
    std::fs::remove_dir_all(&one.live.read().directory).unwrap();
    // Nobody looks within a second.
    look_later();
    assert_eq!(put(&one, "s", b"written behind the deletion"), Put::Done);
    look_later();
    assert_eq!(payload(&other, "s").as_deref(), Some(b"written behind the deletion".as_slice()));
    look_later();
    // Who comes new waits for those with changes, and tells them, so that they come at once.
    let refused = scene.try_open(SMALL);
    assert_eq!(refused.map(drop).map_err(|error| error.kind()), Err(ErrorKind::Draining));
    look_later();
    assert_eq!(payload(&other, "s").as_deref(), Some(b"written behind the deletion".as_slice()));
    assert!(other.live.read().epoch > before);
    assert_eq!(put(&one, "s", b"goes on"), Put::Done);
    assert_eq!(payload(&scene.open(SMALL), "s").as_deref(), Some(b"goes on".as_slice()));
}

#[test]
fn epochs_that_nobody_has_written_cost_no_session() {
    let scene = Scene::new();
    let buffer = scene.open(SMALL);
    assert_eq!(put(&buffer, "s", b"kept"), Put::Done);
    for word in [buffer.shared.retired_epoch(), buffer.shared.epoch()] {
        word.store(u64::MAX, Ordering::Relaxed);
        let newcomer = scene.open(SMALL);
        assert_eq!(payload(&newcomer, "s").as_deref(), Some(b"kept".as_slice()));
        assert_eq!(payload(&buffer, "s").as_deref(), Some(b"kept".as_slice()));
    }
    delete(&buffer);
    assert_eq!(payload(&buffer, "s").as_deref(), Some(b"kept".as_slice()));
    assert_eq!(payload(&scene.open(SMALL), "s").as_deref(), Some(b"kept".as_slice()));
}

#[test]
fn a_buffer_that_comes_back_after_it_was_retired_is_made_anew() {
    let scene = Scene::new();
    let (buffer, other) = (scene.open(SMALL), scene.open(SMALL));
    assert_eq!(put(&buffer, "s", b"kept"), Put::Done);
    let epoch = buffer.live.read().epoch;
    // As whoever made a new one noted, whose file was replaced by a copy of the old one.
    buffer.shared.retired_epoch().store(epoch, Ordering::Relaxed);
    for buffer in [&buffer, &other] {
        assert_eq!(payload(buffer, "s").as_deref(), Some(b"kept".as_slice()));
        assert!(buffer.live.read().epoch > epoch);
    }
    assert_eq!(payload(&scene.open(SMALL), "s").as_deref(), Some(b"kept".as_slice()));
}

#[test]
fn a_deleted_buffer_is_carried_over_however_full_it_was() {
    // Large ones that fit badly, small ones that fill the buckets, and everything in between.
    for largest in [34_500, 0, 5000, 60_000] {
        let scene = Scene::new();
        let (buffer, other) = (scene.open(SMALL), scene.open(64 << 20));
        let mut random = StdRng::seed_from_u64(largest as u64);
        let mut there: HashMap<String, Vec<u8>> = HashMap::new();
        for number in 0..3000 {
            let name = format!("c{number}");
            let payload = vec![number as u8; random.random_range(largest / 2..=largest)];
            if put(&buffer, &name, &payload) == Put::Done {
                there.insert(name, payload);
            }
        }
        delete(&buffer);
        for (name, expected) in &there {
            assert_eq!(payload(&buffer, name).as_ref(), Some(expected), "largest {largest}");
            assert!(buffer.is_unflushed(id(name)).unwrap());
        }
        let newcomer = scene.open(16 << 20);
        for buffer in [&other, &newcomer] {
            for (name, expected) in &there {
                assert_eq!(payload(buffer, name).as_ref(), Some(expected));
            }
        }
        assert_eq!(flush(&newcomer), there.len());
        println!("largest {largest}: {} carried over", there.len());
    }
}

#[test]
fn a_process_that_slept_since_before_the_deletion_brings_no_former_state_back() {
    let scene = Scene::new();
    let (idle, maker, killed) = (scene.open(SMALL), scene.open(SMALL), scene.open(SMALL));
    assert_eq!(put(&killed, "s", b"first"), Put::Done);
    let second = write_only(&killed, "s", b"second");
    delete(&maker);
    assert_eq!(payload(&maker, "s").as_deref(), Some(b"first".as_slice()));
    // It is killed before it looks whether the file was retired: nobody was told of this change.
    {
        let live = killed.live.read();
        let (found, ()) = index::find(&live.memory, &Key::of(&live.memory, id("s")), |_| ()).unwrap();
        assert!(found.swing(second));
    }
    drop(killed);
    assert_eq!(put(&maker, "s", b"third"), Put::Done);
    flush(&maker);
    maker.remove(id("s")).unwrap();
    assert_eq!(payload(&idle, "s"), None);
    assert_eq!(payload(&maker, "s"), None);
}

#[test]
fn what_is_left_of_an_unfinished_buffer_is_nobody_s() {
    let scene = Scene::new();
    let buffer = scene.open(SMALL);
    assert_eq!(put(&buffer, "a", b"kept"), Put::Done);
    let directory = buffer.live.read().directory.clone();
    // As whoever is killed while it carries over leaves it.
    std::fs::remove_file(directory.join("buffer.mem")).unwrap();
    std::fs::write(directory.join("buffer.new"), [1; 5000]).unwrap();
    buffer.look_again();
    assert_eq!(payload(&buffer, "a").as_deref(), Some(b"kept".as_slice()));
    assert!(!directory.join("buffer.new").exists());
    assert_eq!(payload(&scene.open(SMALL), "a").as_deref(), Some(b"kept".as_slice()));
}

/// The store, as far as these tests need one: what it was told last.
fn flush_into(buffer: &Buffer, store: &mut HashMap<String, Vec<u8>>) {
    let mut ids = buffer.unflushed(Search::Everywhere).unwrap().into_iter();
    let fetched: Vec<Unflushed> = buffer.fetch(&mut ids, usize::MAX, usize::MAX).unwrap();
    for Unflushed { id: name, entry } in &fetched {
        let id = SessionId::parse(name).unwrap();
        let name = String::from_utf8(name.to_vec()).unwrap();
        match entry::decode(id, entry.as_deref().unwrap()).unwrap() {
            entry::Entry::Session(record) => drop(store.insert(name, record.payload.to_vec())),
            entry::Entry::Tombstone => drop(store.remove(&name)),
        }
    }
    buffer.settle(&fetched, &mut |_| true).unwrap();
    assert!(!buffer.has_unflushed().unwrap());
}

#[test]
fn two_deletions_under_an_idle_process_bring_no_former_state_back() {
    let scene = Scene::new();
    let (idle, busy) = (scene.open(SMALL), scene.open(SMALL));
    let mut store = HashMap::new();
    assert_eq!(put(&busy, "s", b"first"), Put::Done);
    assert_eq!(put(&busy, "logged-out", b"secret"), Put::Done);
    delete(&busy);
    // As a request does: it reads, and then writes.
    assert_eq!(payload(&busy, "s").as_deref(), Some(b"first".as_slice()));
    assert_eq!(put(&busy, "s", b"second"), Put::Done);
    assert_eq!(busy.put(id("logged-out"), Value::Tombstone, true, &|_| true).unwrap(), Put::Done);
    flush_into(&busy, &mut store);
    assert_eq!(store["s"], b"second");
    delete(&busy);
    // The idle one comes by first. Nobody has changes, the store has everything.
    assert_eq!(payload(&idle, "s"), None, "an older state came back");
    assert_eq!(payload(&idle, "logged-out"), None, "a destroyed session came back");
    flush_into(&idle, &mut store);
    assert_eq!(store["s"], b"second");
}

#[test]
fn a_change_made_once_more_in_a_smaller_buffer_ends() {
    let scene = Scene::new();
    let large = scene.open(64 << 20);
    delete(&large);
    let small = scene.open(SMALL);
    let (sender, receiver) = std::sync::mpsc::channel();
    std::thread::spawn(move || {
        let _ = sender.send(put(&large, "s", &[1; 500_000]));
    });
    let done = receiver.recv_timeout(std::time::Duration::from_secs(5));
    assert_eq!(done, Ok(Put::Full), "it goes on for ever");
    drop(small);
}

#[test]
fn a_buffer_beside_the_store_whose_header_is_deleted_is_given_up_by_all() {
    let scene = Scene::new();
    let path = scene.directory.path().canonicalize().unwrap();
    let in_memory = Place::new(&path, 1, 0).in_memory().to_owned();
    // At first there is no place for it in shared memory.
    std::fs::write(&in_memory, b"").unwrap();
    let old = scene.open(SMALL);
    std::fs::remove_file(&in_memory).unwrap();
    assert_eq!(old.live.read().directory, path.join("buffer"));
    std::fs::remove_file(path.join("buffer/header")).unwrap();
    let new = scene.open(SMALL);
    assert_eq!(put(&old, "s", b"acknowledged"), Put::Done);
    assert_eq!(payload(&new, "s").as_deref(), Some(b"acknowledged".as_slice()));
}

#[test]
fn who_has_no_changes_is_waited_for_by_nobody() {
    let scene = Scene::new();
    let (watcher, busy) = (scene.open(SMALL), scene.open(SMALL));
    delete(&busy);
    // rustdb_status() or phpinfo in a process that does nothing else; nobody wakes its background thread afterwards.
    watcher.report().unwrap();
    busy.report().unwrap();
    assert!(!busy.has_unflushed().unwrap());
    assert_eq!(watcher.report().unwrap().unflushed, 0);
    delete(&busy);
    let opened = scene.try_open(SMALL);
    assert!(opened.is_ok(), "{:?}", opened.err());
}
