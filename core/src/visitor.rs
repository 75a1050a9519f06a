//! Who used a session last, as far as it is known: the user, the address, the browser.
//!
//! It lies beside a payload and never in it, for lists of sessions and to find all those of a user. Each of the three may
//! be unknown, which says nothing: what a store knows already stays.
//!
//! # Bytes
//! ```text
//! size  field
//!    …  the user
//!    …  the address
//!    …  the browser
//!    3  the length of each; 255: it is unknown, and takes no bytes
//!    1  zero
//!    4  check: low 32 bits of XXH3-64 over all before it, little-endian
//! ```
//! A visitor of whom nothing is known takes no bytes at all.

use std::borrow::Cow;
use std::net::IpAddr;

use twox_hash::XxHash3_64;

use crate::contents::Scalar;

/// The longest name of a user, in bytes: what a `varchar(191)` takes, which is as much as an index of older servers does.
pub const MAX_USER: usize = 191;
/// The longest address, in bytes: `INET6_ADDRSTRLEN` of netinet/in.h without the NUL.
pub const MAX_IP: usize = 45;
/// So much is kept of what a browser calls itself, in bytes; ProcessWire's column takes as much.
pub const MAX_AGENT: usize = 250;

/// A length that says that the field is unknown.
const UNKNOWN: u8 = 255;
/// Bytes behind the three fields.
const TAIL: usize = 8;
/// The most bytes that a visitor takes.
pub const LONGEST: usize = MAX_USER + MAX_IP + MAX_AGENT + TAIL;

/// Who used a session last.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Visitor<'a>(Cow<'a, [u8]>);

/// What is known of the user.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum User<'a> {
    /// Nothing.
    Unknown,
    /// That nobody is logged in.
    Nobody,
    /// This one is.
    Is(Cow<'a, str>),
}

impl<'a> User<'a> {
    /// The user of this name; [`User::Nobody`] for what can be none: 0, an empty string, one of over [`MAX_USER`] bytes
    /// or with control characters.
    pub fn by(name: impl Into<Cow<'a, str>>) -> User<'a> {
        let name = name.into();
        let is_name = (1..=MAX_USER).contains(&name.len()) && name != "0" && !name.contains(char::is_control);
        if is_name { User::Is(name) } else { User::Nobody }
    }

    /// The name as it is kept, which is empty for nobody; `None`: nothing is known.
    fn name(&self) -> Option<&str> {
        match self {
            User::Unknown => None,
            User::Nobody => Some(""),
            User::Is(name) => Some(name),
        }
    }

    /// The user that a session names. What is neither a whole number nor text is nobody.
    pub fn named(value: Scalar<'a>) -> User<'a> {
        match value {
            Scalar::Int(number) => User::by(number.to_string()),
            Scalar::Text(Cow::Borrowed(bytes)) => std::str::from_utf8(bytes).map_or(User::Nobody, User::by),
            Scalar::Text(Cow::Owned(bytes)) => String::from_utf8(bytes).map_or(User::Nobody, User::by),
            Scalar::Bool(_) | Scalar::Float(_) => User::Nobody,
        }
    }
}

impl Visitor<'_> {
    /// Nothing is known.
    pub const UNKNOWN: Visitor<'static> = Visitor(Cow::Borrowed(&[]));

    /// What is known of a visitor. An address that is none is unknown; of what a browser calls itself, the first
    /// [`MAX_AGENT`] bytes are kept, with a `?` for each that is no printable ASCII.
    pub fn new(user: &User<'_>, ip: Option<&str>, agent: Option<&[u8]>) -> Visitor<'static> {
        Visitor::seen(user, ip, agent, &Visitor::UNKNOWN)
    }

    /// The same, with what is not known as `older` has it.
    pub fn seen(user: &User<'_>, ip: Option<&str>, agent: Option<&[u8]>, older: &Visitor<'_>) -> Visitor<'static> {
        let user = user.name().or(older.field(0));
        let ip = ip.filter(|ip| ip.len() <= MAX_IP && ip.parse::<IpAddr>().is_ok()).or(older.field(1));
        let agent = agent.or(older.field(2).map(str::as_bytes)).map(first_of);
        let fields = [user.map(str::as_bytes), ip.map(str::as_bytes), agent];
        if fields == [None; 3] {
            return Visitor::UNKNOWN;
        }
        let mut bytes = Vec::with_capacity(fields.iter().flatten().map(|field| field.len()).sum::<usize>() + TAIL);
        bytes.extend_from_slice(fields[0].unwrap_or_default());
        bytes.extend_from_slice(fields[1].unwrap_or_default());
        let printable = |byte: &u8| if (b' '..=b'~').contains(byte) { *byte } else { b'?' };
        bytes.extend(agent.unwrap_or_default().iter().map(printable));
        bytes.extend(fields.map(|field| field.map_or(UNKNOWN, |field| field.len() as u8)));
        bytes.push(0);
        let check = check(&bytes);
        bytes.extend(check);
        Visitor(bytes.into())
    }

    /// Whether [`Visitor::seen`] with this one as the older would come to the same.
    pub fn says(&self, user: &User<'_>, ip: Option<&[u8]>, agent: Option<&[u8]>) -> bool {
        let user = user.name().map(str::as_bytes);
        [user, ip, agent.map(first_of)]
            .iter()
            .enumerate()
            .all(|(place, now)| now.is_none() || *now == self.bytes(place))
    }

    /// The same, with what `self` does not know as `older` has it.
    pub fn or(self, older: &Visitor<'_>) -> Visitor<'static> {
        Visitor::seen(&self.user(), self.ip(), self.agent().map(str::as_bytes), older)
    }

    /// The user.
    pub fn user(&self) -> User<'_> {
        match self.field(0) {
            None => User::Unknown,
            Some("") => User::Nobody,
            Some(name) => User::Is(name.into()),
        }
    }

    /// The address of the machine that asked, as text.
    pub fn ip(&self) -> Option<&str> {
        self.field(1)
    }

    /// What its browser calls itself: printable ASCII.
    pub fn agent(&self) -> Option<&str> {
        self.field(2)
    }

    /// The bytes of the head of this file.
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    /// The same, without a copy.
    pub fn by_ref(&self) -> Visitor<'_> {
        Visitor(Cow::Borrowed(&self.0))
    }

    /// The same, keeping nothing of what it was made of.
    pub fn into_owned(self) -> Visitor<'static> {
        Visitor(self.0.into_owned().into())
    }

    fn field(&self, place: usize) -> Option<&str> {
        std::str::from_utf8(self.bytes(place)?).ok()
    }

    fn bytes(&self, place: usize) -> Option<&[u8]> {
        let lengths = lengths(&self.0)?;
        let length = lengths[place]?;
        let start: usize = lengths[..place].iter().flatten().sum();
        Some(&self.0[start..start + length])
    }
}

/// Reads a visitor from the end of `bytes`. `None`: it is damaged.
pub fn at_end_of(bytes: &[u8]) -> Option<Visitor<'_>> {
    let length = lengths(bytes)?.into_iter().flatten().sum::<usize>() + TAIL;
    let visitor = &bytes[bytes.len().checked_sub(length)?..];
    let (checked, found) = visitor.split_last_chunk::<4>()?;
    (check(checked) == *found).then_some(Visitor(visitor.into()))
}

/// The lengths of the three fields, of those that are known.
fn lengths(bytes: &[u8]) -> Option<[Option<usize>; 3]> {
    let tail = bytes.last_chunk::<TAIL>()?;
    Some([tail[0], tail[1], tail[2]].map(|length| (length != UNKNOWN).then_some(usize::from(length))))
}

/// What is kept of what a browser calls itself.
fn first_of(agent: &[u8]) -> &[u8] {
    &agent[..agent.len().min(MAX_AGENT)]
}

fn check(bytes: &[u8]) -> [u8; 4] {
    (XxHash3_64::oneshot(bytes) as u32).to_le_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_known_comes_back_and_what_is_not_stays_unknown() {
        for user in [User::Unknown, User::Nobody, User::Is("41".into())] {
            for ip in [None, Some("::1"), Some("192.0.2.7")] {
                for agent in [None, Some(""), Some("Mozilla/5.0")] {
                    let visitor = Visitor::new(&user, ip, agent.map(str::as_bytes));
                    assert_eq!((visitor.user(), visitor.ip(), visitor.agent()), (user.clone(), ip, agent));
                    let unknown = (&user, ip, agent) == (&User::Unknown, None, None);
                    assert_eq!(visitor.as_bytes().is_empty(), unknown);
                    let stored = [b"payload", visitor.as_bytes()].concat();
                    assert_eq!(at_end_of(&stored), (!unknown).then_some(visitor));
                }
            }
        }
    }

    #[test]
    fn what_is_too_long_or_no_text_is_cut_or_left_out() {
        let long = "x".repeat(300);
        assert_eq!(User::by(long.as_str()), User::Nobody);
        assert_eq!(User::by(&long[..MAX_USER]), User::Is(long[..MAX_USER].into()));
        for nobody in ["", "0", "a\nb", "a\0"] {
            assert_eq!(User::by(nobody), User::Nobody, "{nobody:?}");
        }
        let visitor = Visitor::new(&User::Unknown, Some("not an address"), Some(long.as_bytes()));
        assert_eq!((visitor.ip(), visitor.agent()), (None, Some(&long[..MAX_AGENT])));
        assert_eq!(Visitor::new(&User::Unknown, None, Some(b"a\xffb\n'")).agent(), Some("a?b?'"));
    }

    #[test]
    fn values_of_every_kind_name_a_user_or_nobody() {
        let named = |value: Scalar<'_>| match User::named(value) {
            User::Is(name) => Some(name.into_owned()),
            _ => None,
        };
        assert_eq!(named(Scalar::Int(7)).as_deref(), Some("7"));
        assert_eq!(named(Scalar::Int(-1)).as_deref(), Some("-1"));
        assert_eq!(named(Scalar::Text(b"anna".as_slice().into())).as_deref(), Some("anna"));
        for nobody in [
            Scalar::Int(0),
            Scalar::Bool(true),
            Scalar::Float("1.5"),
            Scalar::Text(b"".as_slice().into()),
            Scalar::Text(b"\xff".as_slice().into()),
        ] {
            assert_eq!(named(nobody.clone()), None, "{nobody:?}");
        }
    }

    #[test]
    fn what_is_newly_known_replaces_what_was_and_the_rest_stays() {
        let old = Visitor::new(&User::Is("1".into()), Some("192.0.2.1"), Some(b"old"));
        let seen = Visitor::new(&User::Nobody, None, Some(b"new"));
        assert_eq!(seen.or(&old), Visitor::new(&User::Nobody, Some("192.0.2.1"), Some(b"new")));
        assert_eq!(Visitor::UNKNOWN.or(&old), old);
        let says = |user: &str, ip: Option<&str>, agent: Option<&[u8]>| {
            let user = if user.is_empty() { User::Unknown } else { User::by(user) };
            let says = old.says(&user, ip.map(str::as_bytes), agent);
            assert_eq!(says, Visitor::seen(&user, ip, agent, &old) == old, "{user:?} {ip:?} {agent:?}");
            says
        };
        assert!(says("", None, None) && says("1", Some("192.0.2.1"), Some(b"old")) && says("1", None, Some(b"old")));
        assert!(!says("0", None, None) && !says("2", None, None) && !says("1", Some("192.0.2.2"), None));
        assert!(!says("1", None, Some(b"olde")) && !says("", None, Some(b"")));
        assert_eq!(Visitor::UNKNOWN.or(&Visitor::UNKNOWN), Visitor::UNKNOWN);
    }

    #[test]
    fn a_flipped_bit_is_noticed() {
        let visitor = Visitor::new(&User::Is("41".into()), Some("::1"), Some(b"Mozilla"));
        for bit in 0..visitor.as_bytes().len() * 8 {
            let mut bytes = [b"payload", visitor.as_bytes()].concat();
            bytes[7 + bit / 8] ^= 1 << (bit % 8);
            assert_eq!(at_end_of(&bytes), None, "bit {bit}");
        }
        assert_eq!(at_end_of(b""), None);
        assert_eq!(at_end_of(&[255, 255, 255, 0]), None);
    }
}
