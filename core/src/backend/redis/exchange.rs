//! Scripts over one connection: the wait before them, and what a server does not know yet.

use std::time::Duration;

use redis::Value;

use super::fault::Fault;
use super::packed::Packed;
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
    let mut packed = Packed::with_capacity(calls.iter().map(Call::room).sum());
    if let Some(pause) = pause {
        // The server waits on our behalf and goes on to the script by itself, so there is no way back and forth
        // between an invitation and the attempt that follows it.
        // Before version 7 what is less than a millisecond becomes 0, which means for ever.
        let seconds = pause.limit.as_secs_f64().max(0.01).to_string();
        packed.push([b"BLPOP".as_slice(), &pause.list, seconds.as_bytes()]);
    }
    calls.iter().for_each(|call| call.pack(&mut packed, true, once));
    let mut sent = wire.exchange(&packed, limit + pause.map_or(Duration::ZERO, |pause| pause.limit))?.into_iter();
    if pause.is_some() {
        // Whether it was woken does not matter, nor whether it may sleep at all: the script tells what there is.
        sent.next();
    }
    let mut answers: Vec<Value> = calls.iter().filter_map(|call| call.unpack(&mut sent, once)).collect();
    let unknown: Vec<usize> = (0..answers.len()).filter(|place| is_unknown_script(&answers[*place])).collect();
    if !unknown.is_empty() {
        let mut packed = Packed::default();
        unknown.iter().for_each(|place| calls[*place].pack(&mut packed, false, once));
        let mut again = wire.exchange(&packed, limit)?.into_iter();
        for place in unknown {
            if let Some(answer) = calls[place].unpack(&mut again, once) {
                answers[place] = answer;
            }
        }
    }
    Ok(answers)
}

/// Whether a server does not know a script, and did nothing.
pub fn is_unknown_script(answer: &Value) -> bool {
    matches!(answer, Value::ServerError(error) if error.code() == "NOSCRIPT")
}
