//! Sessions in Redis as phpredis or Symfony has them, and in tables of MySQL: the stores that rustdb knows anyhow.

use std::time::Duration;

use super::{Keep, Old, of_old_place, wrong};
use crate::backend::mysql::Mysql;
use crate::backend::redis::Redis;
use crate::error::{Error, Result};
use crate::record::SessionId;
use crate::server::{Product, Server};
use crate::store::{Access, Backend, Change, Found, Lease};

/// A store on a server.
pub struct OnServer {
    store: Box<dyn Backend>,
    access: Access,
}

/// The same failure, as one of this place.
fn ours(error: Error) -> Error {
    let error = of_old_place(error);
    match error.to_string() {
        message if message.contains("rustdb.migrate_from") => error,
        message => Error::new(error.kind(), format!("rustdb.migrate_from: {message}")),
    }
}

impl OnServer {
    pub fn open(server: &Server, lock_wait: Duration) -> Result<OnServer> {
        let (store, access): (Box<dyn Backend>, Access) = match server.product {
            // Its locks are phpredis's.
            Product::Redis => {
                (Box::new(Redis::open(server, true, lock_wait).map_err(ours)?), Access::ExclusiveIfExists)
            }
            // Its locks are nobody's but ours.
            Product::Mysql => {
                if let Some(option) = ["lock", "widen"].iter().find(|name| server.option(name).is_some()) {
                    return Err(wrong(format_args!(
                        "has the option \"{option}\", which is for a table that sessions are written to; leave it out"
                    )));
                }
                (Box::new(Mysql::open_as_found(server).map_err(ours)?), Access::ReadOnly)
            }
        };
        Ok(OnServer { store, access })
    }
}

impl Old for OnServer {
    fn bring(&self, id: SessionId<'_>, remove: bool, keep: Keep<'_>) -> Result<bool> {
        let begun = self.store.begin(id, self.access, None).map_err(ours)?;
        let Found::Record(record) = begun.found else { return Ok(false) };
        let kept = keep(record);
        let change = if remove && matches!(kept, Ok(true)) { Change::Destroy } else { Change::None };
        let ended = self.store.commit(id, change, begun.lease).map_err(ours);
        kept.and(ended).map(|_| true)
    }

    fn remove(&self, id: SessionId<'_>) -> Result<()> {
        self.store.commit(id, Change::Destroy, Lease::default()).map(drop).map_err(ours)
    }
}
