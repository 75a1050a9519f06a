//! The sessions of a user: one `SELECT` by the column that says whose they are, or where the table has none, as Symfony's,
//! a look into each session that might be the user's.

use super::Mysql;
use super::connection::Connection;
use super::failure::Failure;
use super::layout::Coding;
use super::statements::hexadecimal;
use super::table::Table;
use crate::error::Result;
use crate::record::{Expiry, SessionId};
use crate::store::{ByUser, Listed, Whose};
use crate::visitor::{User, Visitor};

/// How many sessions are looked into at a time.
const PIECE: usize = 200;

impl ByUser for Mysql {
    fn of_user(&self, whose: Whose<'_>) -> Result<Vec<Listed>> {
        let (found, connection) = self.with(&mut |connection, table| match table.visitor.is_of(whose.user) {
            Some(None) => Ok(Vec::new()),
            Some(Some(theirs)) => {
                let rows = connection.run_current(&table.of_user(&theirs, &whose))?.swap_remove(0).rows;
                Ok(rows.iter().filter_map(|row| table.listed(row, whose.user)).collect())
            }
            None => look_into_all(connection, table, &whose),
        })?;
        self.hosts.put(connection);
        Ok(found)
    }
}

fn look_into_all(connection: &mut Connection, table: &Table, whose: &Whose<'_>) -> Result<Vec<Listed>, Failure> {
    let (mut found, mut after): (Vec<Listed>, Option<Vec<u8>>) = (Vec::new(), None);
    loop {
        let behind = after.as_deref().and_then(|after| SessionId::parse(after).ok());
        let rows = connection.run_current(&table.maybe_of_user(whose, behind))?.swap_remove(0).rows;
        found.extend(rows.iter().filter_map(|row| table.theirs(row, whose)));
        let all = rows.len() < PIECE;
        let last = rows.into_iter().next_back().and_then(|row| row.into_iter().next().flatten());
        // An id that is none was made by something else, and cannot be gone on behind.
        after = last.filter(|last| SessionId::parse(last).is_ok());
        if all || after.is_none() || found.len() >= whose.limit {
            found.truncate(whose.limit);
            return Ok(found);
        }
    }
}

impl Table {
    /// Asks for the sessions of a user, whose rows `theirs` tells.
    fn of_user(&self, theirs: &str, whose: &Whose<'_>) -> String {
        let (id, expires, visitor) = (self.layout.id, self.expires(), self.visitor.fields());
        let (name, alive, limit) = (&self.name, self.alive(whose.now), whose.limit);
        format!("SELECT {id},{expires},{visitor} FROM {name} WHERE {theirs} AND {alive} LIMIT {limit}")
    }

    /// A session in those fields. `None`: it is damaged, or something else has made it.
    fn listed(&self, row: &[Option<Vec<u8>>], user: &str) -> Option<Listed> {
        let [Some(id), Some(expires), ip, agent] = row else { return None };
        let id = SessionId::parse(id).ok()?.as_bytes().into();
        let expires = Expiry(std::str::from_utf8(expires).ok()?.parse().ok()?);
        Some(Listed { id, expires, visitor: self.visitor.read(user, ip.as_deref(), agent.as_deref()) })
    }

    /// Asks for sessions behind `after`, in the order of their ids, that hold the bytes of the user's name.
    fn maybe_of_user(&self, whose: &Whose<'_>, after: Option<SessionId<'_>>) -> String {
        let (id, expires, payload, name) = (self.layout.id, self.expires(), self.layout.payload, &self.name);
        let bytes = match self.layout.coding {
            Coding::Base64 => format!("FROM_BASE64({payload})"),
            Coding::Raw => payload.to_owned(),
        };
        let behind = after.map_or_else(String::new, |after| format!("{id}>{} AND ", self.literal(after)));
        let holds = format!("LOCATE({},{bytes})>0", hexadecimal(whose.user.as_bytes()));
        let alive = self.alive(whose.now);
        format!(
            "SELECT {id},{expires},{payload} FROM {name} WHERE {behind}{alive} AND {holds} ORDER BY {id} LIMIT {PIECE}"
        )
    }

    /// A session in those fields, if it is the user's.
    fn theirs(&self, row: &[Option<Vec<u8>>], whose: &Whose<'_>) -> Option<Listed> {
        let id = SessionId::parse(row.first()?.as_deref()?).ok()?.as_bytes().into();
        let (payload, expires) = self.decode(&row[1..])?;
        let visitor = Visitor::new(&User::by(whose.user), None, None);
        ((whose.is_theirs)(&payload?) == Some(true)).then_some(Listed { id, expires, visitor })
    }
}
