//! Scripts over one connection: the wait before them, and what a server does not know yet.

use std::time::Duration;

use redis::{Cmd, Value, cmd};

use super::fault::Fault;
use super::script::Call;
use super::wire::Wire;

/// A wait that the server begins before it runs a script.
pub struct Pause {
    /// The list on which an invitation ends it.
    pub list: Vec<u8>,
    /// How long it lasts at most.
    pub limit: Duration,
}

/// Sends scripts, all at once, and waits for their answers, refusals included, which come in the same order. `once`: each
/// is for a node of a cluster that another one named for this once.
pub fn send_on(
    wire: &mut Wire,
    calls: &[Call<'_>],
    pause: Option<&Pause>,
    limit: Duration,
    once: bool,
) -> Result<Vec<Value>, Fault> {
    let mut commands: Vec<Cmd> = Vec::with_capacity(calls.len() + 1);
    if let Some(pause) = pause {
        // The server waits on our behalf and goes on to the script by itself, so there is no way back and forth
        // between an invitation and the attempt that follows it.
        let mut sleep = cmd("BLPOP");
        // Before version 7 what is less than a millisecond becomes 0, which means for ever.
        sleep.arg(&pause.list).arg(pause.limit.as_secs_f64().max(0.01));
        commands.push(sleep);
    }
    push(&mut commands, calls.iter(), true, once);
    let mut answers = wire.ask(&commands, limit + pause.map_or(Duration::ZERO, |pause| pause.limit))?;
    if pause.is_some() {
        // Whether it was woken does not matter, nor whether it may sleep at all: the script tells what there is.
        answers.remove(0);
    }
    keep_own(&mut answers, once);
    let unknown: Vec<usize> = (0..answers.len()).filter(|place| is_unknown_script(&answers[*place])).collect();
    if !unknown.is_empty() {
        let mut commands = Vec::with_capacity(unknown.len());
        push(&mut commands, unknown.iter().map(|place| &calls[*place]), false, once);
        let mut again = wire.ask(&commands, limit)?;
        keep_own(&mut again, once);
        for (place, answer) in unknown.into_iter().zip(again) {
            answers[place] = answer;
        }
    }
    Ok(answers)
}

fn push<'a, 'b: 'a>(commands: &mut Vec<Cmd>, calls: impl Iterator<Item = &'a Call<'b>>, by_hash: bool, once: bool) {
    for call in calls {
        if once {
            commands.push(cmd("ASKING"));
        }
        commands.push(call.command(by_hash));
    }
}

/// Leaves out the answers to `ASKING`.
fn keep_own(answers: &mut Vec<Value>, once: bool) {
    if once {
        *answers = std::mem::take(answers).into_iter().skip(1).step_by(2).collect();
    }
}

fn is_unknown_script(answer: &Value) -> bool {
    matches!(answer, Value::ServerError(error) if error.code() == "NOSCRIPT")
}
