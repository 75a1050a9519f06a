//! Room in the buffer: few segments, many processes, and some that are killed while they make room.

use std::sync::atomic::AtomicU64;
use std::time::{Duration, Instant};

use super::super::memory::Hold;
use super::*;

#[test]
fn a_buffer_of_two_segments_evicts_like_a_large_one() {
    let scene = Scene::new();
    let buffer = scene.open(64 << 20);
    {
        let live = buffer.live.read();
        live.memory.first_page().reserved.store(2, Ordering::Relaxed);
        live.full_grown.store(true, Ordering::Relaxed);
    }
    for number in 0..6000 {
        assert_eq!(put(&buffer, &format!("t{number}"), &[1; 1000]), Put::Done, "{number}");
        if number % 100 == 0 {
            flush(&buffer);
        }
    }
    assert_eq!(buffer.live.read().memory.reserved(), 2);
    assert!(buffer.shared.get(Counter::BufferEvictions) > 3000);
    assert!(payload(&buffer, "t5999").is_some());
}

#[test]
fn a_file_with_holes_is_opened_only_if_there_is_room_for_it() {
    let scene = Scene::new();
    let buffer = scene.open(SMALL);
    let path = buffer.live.read().directory.join("buffer.mem");
    let length = std::fs::metadata(&path).unwrap().len();
    drop(buffer);
    for content in [vec![], vec![0; 100], vec![0; 4096], vec![255; 4096]] {
        std::fs::write(&path, &content).unwrap();
        std::fs::OpenOptions::new().write(true).open(&path).unwrap().set_len(length).unwrap();
        let buffer = scene.open(SMALL);
        assert_eq!(put(&buffer, "a", b"b"), Put::Done);
    }
}

/// Runs `work` in a child of its own, and kills that when it is dropped.
struct Child(libc::pid_t);

impl Child {
    fn fork(work: impl FnOnce()) -> Child {
        // SAFETY: the child does what the library is made for in children, ends by a signal, and never returns from here.
        match unsafe { libc::fork() } {
            0 => {
                // SAFETY: it takes no memory of anybody's. The child goes when this test does.
                unsafe { libc::prctl(libc::PR_SET_PDEATHSIG, libc::SIGKILL) };
                work();
                loop {
                    std::thread::sleep(Duration::from_secs(1));
                }
            }
            child => Child(child),
        }
    }
}

impl Drop for Child {
    fn drop(&mut self) {
        // SAFETY: it is a child of this process that nobody has waited for yet.
        unsafe {
            libc::kill(self.0, libc::SIGKILL);
            libc::waitpid(self.0, std::ptr::null_mut(), 0);
        }
    }
}

#[test]
fn a_segment_of_a_dead_parent_is_free_while_its_child_lives() {
    let scene = Scene::new();
    let (parent, other) = (scene.open(SMALL), scene.open(SMALL));
    put(&parent, "s", b"x");
    let hold = |segment| other.live.read().memory.hold(segment, Hold::Alone).unwrap();
    let held = (0..2).find(|segment| !hold(*segment)).expect("the parent holds a segment");
    let _child = Child::fork(|| ());
    // As if it were killed: the kernel closes its files and takes its mappings away.
    drop(parent);
    // The child closes what it inherited as soon as it runs.
    let begun = Instant::now();
    while !hold(held) {
        assert!(begun.elapsed() < Duration::from_secs(10), "the child holds the parent's segment");
        std::thread::sleep(Duration::from_millis(1));
    }
}

/// A session of a size of which many fit into a segment.
fn put_sized(buffer: &Buffer, name: &str, unflushed: bool) -> Put {
    buffer.put(id(name), Value::Session(&record(vec![1; SIZED])), unflushed, &|_| true).unwrap()
}

const SIZED: usize = 3000;

/// How many of those the buffer has room for.
fn sized(buffer: &Buffer) -> u64 {
    let layout = *buffer.live.read().memory.layout();
    layout.segments * layout.units() / frame::units(8, HEADER + SIZED)
}

#[test]
fn many_who_clear_at_once_leave_room_below_the_limit() {
    for (size, processes, percent) in [(1 << 20, 8, 35), (1 << 20, 4, 20), (8 << 20, 4, 20), (8 << 20, 8, 35)] {
        let scene = Scene::new();
        let buffers: Vec<Buffer> = (0..processes).map(|_| scene.open(size)).collect();
        let many = sized(&buffers[0]);
        let lacking = AtomicU64::new(0);
        std::thread::scope(|scope| {
            for (worker, buffer) in buffers.iter().enumerate() {
                let lacking = &lacking;
                scope.spawn(move || {
                    for number in 0..many * 8 / processes {
                        let unflushed = number % 5 == 0 && lacking.load(Ordering::Relaxed) < many * percent / 100;
                        if put_sized(buffer, &format!("w{worker}-{number}"), unflushed) == Put::Done {
                            lacking.fetch_add(u64::from(unflushed), Ordering::Relaxed);
                        }
                    }
                });
            }
        });
        assert_eq!(buffers[0].report().unwrap().unflushed, lacking.load(Ordering::Relaxed));
        buffers.iter().for_each(|buffer| buffer.rest().unwrap());
        let refused = (0..50).filter(|number| put_sized(&buffers[0], &format!("z{number}"), false) != Put::Done);
        assert_eq!(refused.count(), 0, "{size} bytes, {processes} processes: refused though much could be evicted");
    }
}

#[test]
fn processes_killed_while_they_clear_leave_room_to_clear() {
    let scene = Scene::new();
    let buffer = scene.open(SMALL);
    // The store lacks one in five of what lies there, in all segments.
    for number in 0..sized(&buffer) {
        assert_eq!(put_sized(&buffer, &format!("a{number}"), number % 5 == 0), Put::Done);
    }
    let mut random = StdRng::seed_from_u64(5);
    for kill in 0..150 {
        let child = Child::fork(|| {
            let mine = scene.open(SMALL);
            for number in 0.. {
                put_sized(&mine, &format!("k{kill}-{number}"), false);
            }
        });
        std::thread::sleep(Duration::from_micros(random.random_range(3000..9000)));
        drop(child);
        let refused = (0..60).filter(|number| put_sized(&buffer, &format!("p{number}"), false) != Put::Done).count();
        assert_eq!(refused, 0, "after {kill} kills");
    }
}
