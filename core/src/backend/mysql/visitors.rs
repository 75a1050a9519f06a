//! The columns that tell of the visitor: whose session it is, and from which address and with which browser it was used
//! last.
//!
//! What is written there is what the column takes, or nothing (NULL, or 0 or an empty string where that may not be): no
//! session is refused because of its visitor. What is not known is not written. Users are compared by their bytes,
//! whatever the column's collation says.

use std::fmt::Write;
use std::net::Ipv4Addr;

use super::table::Column;
use super::takes::Takes;
use crate::visitor::{User, Visitor};

/// Which of user, address and browser a statement writes.
pub(super) type Known = [bool; 3];

/// The columns of a table: for the user, the address and the browser.
#[derive(Debug)]
pub(super) struct Columns([Option<Place>; 3]);

/// One of them.
#[derive(Debug)]
struct Place {
    name: &'static str,
    /// `None`: nothing that tells of a visitor.
    takes: Option<Takes>,
    /// What it has where there is nothing to tell; `None`: it is never written.
    nothing: Option<&'static str>,
    /// Whether a new row has to have something there.
    required: bool,
    /// Whether it is filled in. A column that refers to another table takes only what is there, so its owner does that.
    filled: bool,
}

impl Place {
    fn of(name: &'static str, column: &Column) -> Place {
        let takes = Takes::of(column);
        let nothing = match takes {
            _ if column.generated => None,
            _ if column.nullable => Some("NULL"),
            Some(Takes::Number(..)) => Some("0"),
            Some(Takes::Text { .. } | Takes::Bytes(_)) => Some("''"),
            Some(Takes::Uuid) | None => None,
        };
        let filled = takes.is_some() && nothing.is_some() && !column.refers;
        Place { name, takes, nothing, required: !column.nullable, filled }
    }
}

impl Columns {
    /// Those of a table, in which they are called by `names`.
    pub(super) fn of<'c>(names: [Option<&'static str>; 3], find: impl Fn(&str) -> Option<&'c Column>) -> Columns {
        Columns(names.map(|name| name.and_then(|name| Some(Place::of(name, find(name)?)))))
    }

    /// Which of them are written for this visitor.
    pub(super) fn known(&self, visitor: &Visitor<'_>) -> Known {
        let known = [visitor.user() != User::Unknown, visitor.ip().is_some(), visitor.agent().is_some()];
        let filled = |place: &Option<Place>| place.as_ref().is_some_and(|place| place.filled);
        [0, 1, 2].map(|number| known[number] && filled(&self.0[number]))
    }

    /// What is known of a visitor, in its columns.
    pub(super) fn changed(&self, visitor: &Visitor<'_>) -> impl Iterator<Item = (&'static str, String)> {
        self.all(visitor).filter(|(_, _, known)| *known).map(|(place, value, _)| (place.name, value))
    }

    /// What a new session has in the row of another one.
    pub(super) fn replaced(&self, visitor: &Visitor<'_>) -> impl Iterator<Item = (&'static str, String)> {
        self.all(visitor).map(|(place, value, _)| (place.name, value))
    }

    /// The columns that a new row is given.
    pub(super) fn names(&self, known: Known) -> impl Iterator<Item = &'static str> {
        self.written()
            .filter(move |(number, place, _)| known[*number] || place.required)
            .map(|(_, place, _)| place.name)
    }

    /// What it has in [`Columns::names`].
    pub(super) fn values(&self, visitor: &Visitor<'_>) -> impl Iterator<Item = String> {
        self.all(visitor).filter(|(place, _, known)| *known || place.required).map(|(_, value, _)| value)
    }

    /// How a row that is made writes over one that is there, and over one that has expired, which `past` tells.
    pub(super) fn replacing(&self, known: Known, past: &str) -> String {
        let mut sql = String::new();
        for (number, Place { name, .. }, nothing) in self.written() {
            let _ = match known[number] {
                true => write!(sql, "{name}=VALUES({name}),"),
                false => write!(sql, "{name}=IF({past},{nothing},{name}),"),
            };
        }
        sql
    }

    /// The condition of the rows of a user; `Some(None)`: there can be none. `None`: the table has no column for users.
    pub(super) fn is_of(&self, user: &str) -> Option<Option<String>> {
        let [Some(Place { name, takes: Some(takes), .. }), ..] = &self.0 else { return None };
        Some(takes.is(name, user))
    }

    /// Address and browser, as the fields that [`Columns::read`] understands.
    pub(super) fn fields(&self) -> String {
        let [_, ip, agent] = &self.0;
        let field = |place: &Option<Place>| {
            let place = place.as_ref()?;
            Some(place.takes.as_ref()?.field(place.name))
        };
        [ip, agent].map(|place| field(place).unwrap_or_else(|| "NULL".to_owned())).join(",")
    }

    /// The visitor in these fields of a session of `user`.
    pub(super) fn read(&self, user: &str, ip: Option<&[u8]>, agent: Option<&[u8]>) -> Visitor<'static> {
        let ip = ip.and_then(|ip| std::str::from_utf8(ip).ok()).map(|ip| match ip.parse() {
            // What an address never is as text.
            Ok(0_u32) => String::new(),
            Ok(number) => Ipv4Addr::from(number).to_string(),
            Err(_) => ip.to_owned(),
        });
        let agent = agent.filter(|agent| !agent.is_empty());
        Visitor::new(&User::by(user), ip.as_deref(), agent)
    }

    /// Those that are written, with their numbers and what they have where there is nothing to tell.
    fn written(&self) -> impl Iterator<Item = (usize, &Place, &'static str)> {
        let places = self.0.iter().enumerate();
        places.filter_map(|(number, place)| place.as_ref().and_then(|place| Some((number, place, place.nothing?))))
    }

    /// The same, with what they have for a visitor, and whether that is known.
    fn all(&self, visitor: &Visitor<'_>) -> impl Iterator<Item = (&Place, String, bool)> {
        let known = self.known(visitor);
        self.written().map(move |(number, place, nothing)| {
            let takes = place.takes.as_ref().filter(|_| known[number]);
            let literal = takes.and_then(|takes| match (number, visitor.user()) {
                (0, User::Is(user)) => takes.literal(&user),
                (0, _) => None,
                (1, _) => takes.address(visitor.ip()?),
                _ => takes.agent(visitor.agent()?),
            });
            (place, literal.unwrap_or_else(|| nothing.to_owned()), known[number])
        })
    }
}
