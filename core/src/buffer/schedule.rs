//! The protocol of the slots under every schedule with a few switches at bad moments, and with somebody killed at any.
//!
//! Threads that call [`step`] before each access to a slot run one at a time here. First each runs to its end; then, for
//! every step of that run, once more with a switch to another thread, or a kill, at that step; and so on from those runs.

use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex};

use super::index::{self, Inserted, Key, Slot};
use super::memory::Memory;

/// What happens at a step instead of going on.
#[derive(Debug, Clone, Copy)]
enum Turn {
    /// Another thread goes on.
    To(usize),
    /// The running thread is killed.
    Kill,
}

/// What a run has to be like: turns at some steps, in order.
type Plan = Vec<(usize, Turn)>;

#[derive(Debug)]
struct State {
    plan: Plan,
    step: usize,
    running: usize,
    ended: Vec<bool>,
    /// Who ran at each step.
    trace: Vec<usize>,
}

#[derive(Debug)]
struct Run {
    state: Mutex<State>,
    turn: Condvar,
}

struct Killed;

thread_local! {
    static RUN: std::cell::RefCell<Option<(Arc<Run>, usize)>> = const { std::cell::RefCell::new(None) };
}

/// A moment at which another thread may go on. Nothing in a thread that is in no run.
pub fn step() {
    let Some((run, me)) = RUN.with_borrow(Clone::clone) else { return };
    let mut state = run.state.lock().unwrap();
    let at = state.step;
    state.step += 1;
    state.trace.push(me);
    match state.plan.iter().find(|(step, _)| *step == at).map(|(_, turn)| *turn) {
        Some(Turn::To(other)) if !state.ended[other] => {
            state.running = other;
            run.turn.notify_all();
        }
        Some(Turn::Kill) => {
            drop(state);
            resume_unwind(Box::new(Killed));
        }
        _ => {}
    }
    while state.running != me {
        state = run.turn.wait(state).unwrap();
    }
}

/// Runs the threads by a plan; returns who ran at each step, and what each returned, if it was not killed.
fn run<T: Send>(plan: &Plan, threads: &[&(dyn Fn() -> T + Sync)]) -> (Vec<usize>, Vec<Option<T>>) {
    let state = State { plan: plan.clone(), step: 0, running: 0, ended: vec![false; threads.len()], trace: Vec::new() };
    let run = Arc::new(Run { state: Mutex::new(state), turn: Condvar::new() });
    let results = std::thread::scope(|scope| {
        let spawned: Vec<_> = threads
            .iter()
            .enumerate()
            .map(|(me, thread)| {
                let run = Arc::clone(&run);
                scope.spawn(move || {
                    let mut state = run.state.lock().unwrap();
                    while state.running != me {
                        state = run.turn.wait(state).unwrap();
                    }
                    drop(state);
                    RUN.set(Some((Arc::clone(&run), me)));
                    let result = catch_unwind(AssertUnwindSafe(thread));
                    RUN.set(None);
                    let mut state = run.state.lock().unwrap();
                    state.ended[me] = true;
                    state.running = state.ended.iter().position(|ended| !ended).unwrap_or(0);
                    run.turn.notify_all();
                    drop(state);
                    match result {
                        Ok(result) => Some(result),
                        Err(panic) if panic.is::<Killed>() => None,
                        Err(panic) => resume_unwind(panic),
                    }
                })
            })
            .collect();
        spawned.into_iter().map(|thread| thread.join().unwrap_or_else(|panic| resume_unwind(panic))).collect()
    });
    let trace = std::mem::take(&mut run.state.lock().unwrap().trace);
    (trace, results)
}

/// Runs the threads under all plans of up to `most` turns; `begin` comes before each run, `check` after it.
fn explore<T: Send>(
    most: usize,
    threads: &[&(dyn Fn() -> T + Sync)],
    begin: &dyn Fn(),
    check: &dyn Fn(&Plan, Vec<Option<T>>),
) -> usize {
    let mut plans: Vec<Plan> = vec![Vec::new()];
    let mut runs = 0;
    while let Some(plan) = plans.pop() {
        begin();
        let (trace, results) = run(&plan, threads);
        check(&plan, results);
        runs += 1;
        if plan.len() == most {
            continue;
        }
        let first = plan.last().map_or(0, |(step, _)| step + 1);
        for (step, running) in trace.iter().enumerate().skip(first) {
            let others = (0..threads.len()).filter(|other| other != running).map(Turn::To);
            for turn in others.chain([Turn::Kill]) {
                plans.push([plan.as_slice(), &[(step, turn)]].concat());
            }
        }
    }
    runs
}

/// What a thread has done to the entry of the id.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Done {
    /// It put this slot in the place of that one.
    Put(Slot, Option<Slot>),
    /// It took this one out.
    Removed(Option<Slot>),
}

fn put(memory: &Memory, key: &Key<'_>, slot: Slot) -> Done {
    loop {
        match index::find(memory, key, |_| ()) {
            Some((found, ())) => {
                if found.swing(slot) {
                    return Done::Put(slot, Some(found.slot));
                }
            }
            None => match index::insert(memory, key, slot, &mut |_, _| {}) {
                Inserted::Done => return Done::Put(slot, None),
                Inserted::Raced => {}
                Inserted::Full => panic!("there is room"),
            },
        }
    }
}

fn remove(memory: &Memory, key: &Key<'_>) -> Done {
    loop {
        match index::find(memory, key, |_| ()) {
            None => return Done::Removed(None),
            Some((found, ())) if found.swing(Slot::FREE) => return Done::Removed(Some(found.slot)),
            Some(_) => {}
        }
    }
}

/// The slots of a bucket, and what was done: a history that is possible one after the other leaves at most one slot, takes
/// each state away at most once, and ends in the one that nobody took away.
fn check(plan: &Plan, cells: &[AtomicU64], key: &Key<'_>, results: &[Option<Done>]) {
    let killed = results.contains(&None);
    let valid: Vec<Slot> = cells
        .iter()
        .map(|cell| Slot(cell.load(Ordering::SeqCst)))
        .filter(|slot| key.leads_to(key.bucket, *slot))
        .filter(|slot| {
            assert!(killed || !slot.is_announced(), "an announcement is left: {plan:?}");
            !slot.is_announced()
        })
        .collect();
    assert!(valid.len() <= 1, "two slots: {plan:?}, {results:?}");
    let mut taken: Vec<Slot> = Vec::new();
    let mut begun = 0;
    for done in results.iter().flatten() {
        match done {
            Done::Put(_, None) => begun += 1,
            Done::Put(_, Some(before)) => taken.push(*before),
            Done::Removed(before) => taken.extend(before),
        }
    }
    let count = taken.len();
    taken.sort_by_key(|slot| slot.0);
    taken.dedup();
    assert_eq!(taken.len(), count, "one state was replaced twice: {plan:?}, {results:?}");
    if killed {
        return;
    }
    let ended = results.iter().flatten().filter(|done| matches!(done, Done::Removed(Some(_)))).count();
    assert_eq!(begun, ended + valid.len(), "{plan:?}, {results:?}");
    for done in results.iter().flatten() {
        if let Done::Put(slot, _) = done {
            assert!(taken.contains(slot) != valid.contains(slot), "a change was lost: {plan:?}, {results:?}");
        }
    }
}

/// A bucket with an entry of another id in its first slots, and entries of one id that are to be put there.
fn with_scene(work: impl Fn(&Memory, &Key<'_>, &[Slot], &dyn Fn(), &AtomicU64)) {
    let scene = super::tests::Scene::new();
    let buffer = scene.open(1 << 20);
    let names = super::tests::neighbours(&buffer, 3);
    let slots: Vec<Slot> = (0..3).map(|number| super::tests::write_only(&buffer, &names[0], &[number])).collect();
    let others = names[1..].iter().map(|name| super::tests::write_only(&buffer, name, b"other")).collect::<Vec<_>>();
    let live = buffer.live.read();
    let key = Key::of(&live.memory, super::tests::id(&names[0]));
    let cells = &live.memory.buckets()[key.bucket];
    let begin = || {
        cells.iter().for_each(|cell| cell.store(0, Ordering::SeqCst));
        cells[0].store(others[0].0, Ordering::SeqCst);
        cells[1].store(others[1].0, Ordering::SeqCst);
    };
    work(&live.memory, &key, &slots, &begin, &cells[0]);
}

#[test]
fn two_puts_while_a_slot_before_them_is_freed() {
    with_scene(|memory, key, slots, begin, first| {
        let free = || {
            step();
            first.store(0, Ordering::SeqCst);
            Done::Removed(None)
        };
        let (one, two) = (|| put(memory, key, slots[0]), || put(memory, key, slots[1]));
        let cells = &memory.buckets()[key.bucket];
        let runs = explore(2, &[&one, &free, &two], begin, &|plan, results| check(plan, cells, key, &results));
        println!("{runs} runs");
        assert!(runs > 5000);
    });
}

#[test]
fn a_put_a_removal_and_another_put() {
    with_scene(|memory, key, slots, begin, _| {
        let (one, two) = (|| put(memory, key, slots[0]), || put(memory, key, slots[1]));
        let gone = || remove(memory, key);
        let cells = &memory.buckets()[key.bucket];
        let runs = explore(2, &[&one, &gone, &two], begin, &|plan, results| check(plan, cells, key, &results));
        println!("{runs} runs");
        assert!(runs > 5000);
    });
}

#[test]
fn a_look_while_the_entry_is_replaced_finds_it() {
    with_scene(|memory, key, slots, _, _| {
        let cells = &memory.buckets()[key.bucket];
        let begin = || {
            cells.iter().for_each(|cell| cell.store(0, Ordering::SeqCst));
            cells[6].store(slots[0].0, Ordering::SeqCst);
        };
        let replace = || put(memory, key, slots[1]);
        let look = || Done::Removed(index::find(memory, key, |_| ()).map(|(found, ())| found.slot));
        let runs = explore(2, &[&look, &replace], &begin, &|plan, results| {
            assert!(results[0] != Some(Done::Removed(None)), "the entry was there all the time: {plan:?}");
        });
        println!("{runs} runs");
        assert!(runs > 500);
    });
}
