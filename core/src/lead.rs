//! A lead: what stands in the place of a session whose id was replaced (`rustdb.regenerate_grace`), and names the new
//! id, for a few seconds. To a store it is a session like any other.
//!
//! # What it looks like
//! ```text
//! rustdb:lead:1:OLD:NEW
//! ```
//! It ends with a character of an id and has no `|`, and no session of PHP's does both: `php` writes `name|value` and ends,
//! as `php_serialize` and `php_binary` do, with `;` or `}`; igbinary begins with a zero byte, and msgpack with one
//! beyond ASCII. So nothing that a script puts into `$_SESSION` is taken for one, and [`crate::sessions`] writes none that
//! comes from PHP, whichever handler made it. The old id in it ties it to its place.

use twox_hash::XxHash3_128;

use crate::record::SessionId;

const MARK: &[u8] = b"rustdb:lead:1:";

/// Whether a payload is a lead, of whichever id: then it is no session.
pub fn is_lead(payload: &[u8]) -> bool {
    let Some(ids) = payload.strip_prefix(MARK) else { return false };
    let colon = ids.iter().position(|byte| *byte == b':').unwrap_or(ids.len());
    let (old, new) = ids.split_at(colon);
    SessionId::parse(old).is_ok() && new.split_first().is_some_and(|(_, new)| SessionId::parse(new).is_ok())
}

/// The lead from one id to another.
pub fn encode(old: SessionId<'_>, new: SessionId<'_>) -> Vec<u8> {
    [MARK, old.as_bytes(), b":", new.as_bytes()].concat()
}

/// Where a lead that was found for `old` leads to; `None` if it is none, or not of this id.
pub fn decode<'a>(old: SessionId<'_>, payload: &'a [u8]) -> Option<SessionId<'a>> {
    let new = payload.strip_prefix(MARK)?.strip_prefix(old.as_bytes())?.strip_prefix(b":")?;
    SessionId::parse(new).ok()
}

/// The id under which the lead of `old` lies where it cannot stand in its place: 32 characters, which every table has
/// room for. Who makes another id that comes to the same must know `old`, as the lead is believed for `old` only.
pub fn beside(old: SessionId<'_>) -> String {
    format!("{:032x}", XxHash3_128::oneshot(&[MARK, old.as_bytes()].concat()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(text: &str) -> SessionId<'_> {
        SessionId::parse(text.as_bytes()).unwrap()
    }

    #[test]
    fn a_lead_leads_from_its_own_id_to_the_new_one() {
        let lead = encode(id("old,1"), id("new-2"));
        assert!(is_lead(&lead));
        assert_eq!(decode(id("old,1"), &lead), Some(id("new-2")));
        for other in ["old", "old,", "old,11", "new-2"] {
            assert_eq!(decode(id(other), &lead), None, "{other}");
        }
        assert!(SessionId::parse(beside(id("old,1")).as_bytes()).is_ok());
        assert_ne!(beside(id("old,1")), beside(id("old,2")));
    }

    #[test]
    fn what_is_not_exactly_a_lead_leads_nowhere() {
        let long = format!("rustdb:lead:1:old:{}", "a".repeat(257));
        for payload in [
            "",
            "rustdb:lead:1:",
            "rustdb:lead:1:old",
            "rustdb:lead:1:old:",
            "rustdb:lead:2:old:new",
            "rustdb:lead:1:old:new:more",
            "rustdb:lead:1:old:new|s:1:\"a\";",
            " rustdb:lead:1:old:new",
            "rustdb:lead:1:old:new\n",
            long.as_str(),
        ] {
            assert_eq!(decode(id("old"), payload.as_bytes()), None, "{payload}");
            assert!(!is_lead(payload.as_bytes()), "{payload}");
        }
    }
}
