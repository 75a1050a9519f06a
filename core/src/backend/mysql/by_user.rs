//! The sessions of a user: one `SELECT` by the column that says whose they are.

use super::Mysql;
use super::failure::Failure;
use super::table::Table;
use crate::error::{ErrorKind, Result};
use crate::record::{Expiry, SessionId};
use crate::store::{ByUser, Listed, Whose};

impl ByUser for Mysql {
    fn of_user(&self, whose: Whose<'_>) -> Result<Vec<Listed>> {
        let (found, connection) = self.with(&mut |connection, table| {
            let Some(sql) = table.of_user(&whose)? else { return Ok(Vec::new()) };
            let rows = connection.run_current(&sql)?.swap_remove(0).rows;
            Ok(rows.iter().filter_map(|row| table.listed(row, whose.user)).collect())
        })?;
        self.hosts.put(connection);
        Ok(found)
    }
}

impl Table {
    /// Asks for the sessions of a user; `None`: no row can be of this user.
    fn of_user(&self, whose: &Whose<'_>) -> Result<Option<String>, Failure> {
        let is_theirs = self.visitor.is_of(whose.user).map_err(|_| {
            let message = format!(
                "{} has no column that tells whose a session is, so the sessions of a user cannot be found in it; name \
                 another table by table= in rustdb.store, such as one that rustdb makes",
                self.place
            );
            Failure::other(ErrorKind::Refused, message)
        })?;
        Ok(is_theirs.map(|is_theirs| {
            let (id, expires, visitor) = (self.layout.id, self.expires(), self.visitor.fields());
            let (name, alive, limit) = (&self.name, self.alive(whose.now), whose.limit);
            format!("SELECT {id},{expires},{visitor} FROM {name} WHERE {is_theirs} AND {alive} LIMIT {limit}")
        }))
    }

    /// A session in those fields. `None`: it is damaged, or something else has made it.
    fn listed(&self, row: &[Option<Vec<u8>>], user: &str) -> Option<Listed> {
        let [Some(id), Some(expires), ip, agent] = row else { return None };
        let id = SessionId::parse(id).ok()?.as_bytes().into();
        let expires = Expiry(std::str::from_utf8(expires).ok()?.parse().ok()?);
        Some(Listed { id, expires, visitor: self.visitor.read(user, ip.as_deref(), agent.as_deref()) })
    }
}
