//! Hashes as Cm_RedisSession (Magento and others) keeps them: `sess_ID` with the payload in the field `data`, which may
//! be packed: `:gz:`, `:lz:`, `:l4:` or `:sn:` stand before it (`_decodeData` of Cm_RedisSession's Handler). The field
//! `lock` is above 0 while a request has the session, and 0 once it has written (`read` and `_writeRawSession`).

use std::io::Read;
use std::time::{Duration, Instant};

use parking_lot::Mutex;
use redis::{Connection, ConnectionAddr, IntoConnectionInfo, RedisConnectionInfo};

use super::{AGAIN, Keep, LARGEST, Old, of_old_place, wrong};
use crate::backend::pool::Pool;
use crate::error::{Error, ErrorKind, Result};
use crate::record::{Expiry, MAX_LIFETIME, Record, SessionId, now};
use crate::server::{Address, Product, Server, Topology};

/// After so long a lock is that of a request that died, and is passed over, as its owner does (`BREAK_AFTER` of the Handler).
const BREAK_AFTER: Duration = Duration::from_secs(30);

/// Where the server is, and what its keys begin with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Spec {
    server: Server,
    prefix: String,
}

impl Spec {
    pub fn of(server: Server) -> Result<Spec> {
        if server.product != Product::Redis || server.tls || server.topology != Topology::Single {
            return Err(wrong("has layout=cm, which goes with redis:// and redis+unix:// only"));
        }
        server.refuse_other_options(&["layout", "prefix"]).map_err(of_old_place)?;
        let prefix = server.option("prefix").unwrap_or("sess_").to_owned();
        Ok(Spec { server, prefix })
    }
}

/// The server.
pub struct CmRedis {
    spec: Spec,
    client: redis::Client,
    connection: Mutex<Option<Connection>>,
    lock_wait: Duration,
    /// For its circuit breaker.
    pool: Pool<()>,
}

impl CmRedis {
    pub fn new(spec: Spec, lock_wait: Duration) -> Result<CmRedis> {
        let server = &spec.server;
        let address = match &server.address {
            Address::Tcp { host, port } => ConnectionAddr::Tcp(host.clone(), *port),
            Address::Unix(path) => ConnectionAddr::Unix(path.clone()),
        };
        let database = match server.database.as_str() {
            "" => 0,
            text => text.parse().map_err(|_| wrong("names a database that is no number; Redis numbers them"))?,
        };
        let mut login = RedisConnectionInfo::default().set_db(database);
        if !server.user.is_empty() {
            login = login.set_username(&server.user);
        }
        if !server.password.is_empty() {
            login = login.set_password(&server.password);
        }
        let info = address.into_connection_info().map(|info| info.set_redis_settings(login));
        let client =
            info.and_then(redis::Client::open).map_err(|cause| wrong(format_args!("cannot be used: {cause}")))?;
        Ok(CmRedis { spec, client, connection: Mutex::new(None), lock_wait, pool: Pool::default() })
    }

    /// Asks on the connection that there is, and on a new one if that is closed.
    fn ask<T: redis::FromRedisValue>(&self, question: &redis::Pipeline) -> Result<T> {
        let mut kept = self.connection.lock();
        if let Some(mut connection) = kept.take() {
            match question.query(&mut connection) {
                // It was idle, and the server may have closed it.
                Err(cause) if cause.is_connection_dropped() => {}
                answer => return self.answered(answer, connection, &mut kept),
            }
        }
        self.pool.lately_failed().map_or(Ok(()), Err)?;
        let mut connection = self.connect().map_err(|cause| self.failed(&cause))?;
        let answer = question.query(&mut connection);
        self.answered(answer, connection, &mut kept)
    }

    fn connect(&self) -> redis::RedisResult<Connection> {
        let connection = self.client.get_connection_with_timeout(self.spec.server.connect_timeout)?;
        connection.set_read_timeout(Some(self.spec.server.timeout))?;
        connection.set_write_timeout(Some(self.spec.server.timeout))?;
        Ok(connection)
    }

    /// Keeps a connection that is as good as before. One with an answer still to come is not: the next question would get
    /// it.
    fn answered<T>(
        &self,
        answer: redis::RedisResult<T>,
        connection: Connection,
        kept: &mut Option<Connection>,
    ) -> Result<T> {
        if answer.is_ok() {
            *kept = Some(connection);
        }
        answer.map_err(|cause| self.failed(&cause))
    }

    fn failed(&self, cause: &redis::RedisError) -> Error {
        let server = &self.spec.server;
        let (kind, what) = match cause.is_io_error() || cause.is_timeout() {
            true => (ErrorKind::Unreachable, "does not answer"),
            false => (ErrorKind::Refused, "refuses"),
        };
        let error = Error::new(kind, format!("{server} (rustdb.migrate_from) {what}: {cause}"));
        if kind == ErrorKind::Unreachable {
            self.pool.note_silence(&error);
        }
        error
    }

    fn key(&self, id: SessionId<'_>) -> Vec<u8> {
        [self.spec.prefix.as_bytes(), id.as_bytes()].concat()
    }
}

impl Old for CmRedis {
    fn bring(&self, id: SessionId<'_>, remove: bool, keep: Keep<'_>) -> Result<bool> {
        let key = self.key(id);
        let begun = Instant::now();
        let (data, left) = loop {
            type Fields = (Option<i64>, Option<Vec<u8>>);
            let ((lock, data), left): (Fields, i64) =
                self.ask(redis::pipe().hmget(&key, &["lock", "data"]).ttl(&key))?;
            let Some(data) = data else { return Ok(false) };
            if lock.unwrap_or(0) <= 0 || begun.elapsed() >= self.lock_wait.min(BREAK_AFTER) {
                break (data, left);
            }
            std::thread::sleep(AGAIN);
        };
        let payload = unpack(data).map_err(|why| {
            Error::new(
                ErrorKind::Damaged,
                format!(
                    "a session of {} (rustdb.migrate_from) cannot be unpacked, and stays there: {why}",
                    self.spec.server
                ),
            )
        })?;
        // -1: it has no end (TTL of Redis).
        let expires = Expiry::after(now(), u64::try_from(left).unwrap_or(MAX_LIFETIME));
        if keep(Record::new(payload, expires))? && remove {
            self.remove(id)?;
        }
        Ok(true)
    }

    fn remove(&self, id: SessionId<'_>) -> Result<()> {
        self.ask::<()>(redis::pipe().del(self.key(id)).ignore())
    }
}

fn unpack(data: Vec<u8>) -> std::result::Result<Vec<u8>, String> {
    let Some((&[b':', a, b, b':'], packed)) = data.split_first_chunk::<4>() else { return Ok(data) };
    let most = LARGEST as usize;
    match &[a, b] {
        b"gz" => {
            let mut payload = Vec::new();
            let mut unpacked = flate2::read::ZlibDecoder::new(packed).take(LARGEST);
            unpacked.read_to_end(&mut payload).map_err(|cause| cause.to_string())?;
            Ok(payload)
        }
        b"sn" => match snap::raw::decompress_len(packed) {
            Ok(size) if size <= most => {
                snap::raw::Decoder::new().decompress_vec(packed).map_err(|cause| cause.to_string())
            }
            Ok(_) => Err("it is too large".to_owned()),
            Err(cause) => Err(cause.to_string()),
        },
        // The PHP extension lz4 puts the size before it, four bytes, the lowest first.
        b"l4" => match packed.first_chunk::<4>().map(|size| u32::from_le_bytes(*size) as usize) {
            Some(size) if size <= most => {
                lz4_flex::block::decompress_size_prepended(packed).map_err(|cause| cause.to_string())
            }
            _ => Err("it is too large, or cut".to_owned()),
        },
        b"lz" => {
            // It does not tell its size; the PHP extension lzf tries larger and larger ones too.
            let mut size = packed.len().max(1024) * 4;
            loop {
                match lzf::decompress(packed, size) {
                    Err(lzf::LzfError::BufferTooSmall) if size < most => size *= 4,
                    unpacked => return unpacked.map_err(|cause| cause.to_string()),
                }
            }
        }
        _ => Ok(data),
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::unpack;

    #[test]
    fn what_was_packed_is_unpacked() {
        let payload = b"account|a:1:{s:15:\"current_user_id\";i:1;}".repeat(500);
        let mut gz = flate2::write::ZlibEncoder::new(b":gz:".to_vec(), flate2::Compression::default());
        gz.write_all(&payload).unwrap();
        assert_eq!(unpack(gz.finish().unwrap()).as_deref(), Ok(&payload[..]));
        let sn = snap::raw::Encoder::new().compress_vec(&payload).unwrap();
        assert_eq!(unpack([&b":sn:"[..], &sn].concat()).as_deref(), Ok(&payload[..]));
        let l4 = lz4_flex::block::compress_prepend_size(&payload);
        assert_eq!(unpack([&b":l4:"[..], &l4].concat()).as_deref(), Ok(&payload[..]));
        let lz = lzf::compress(&payload).unwrap();
        assert_eq!(unpack([&b":lz:"[..], &lz].concat()).as_deref(), Ok(&payload[..]));
    }

    #[test]
    fn what_was_not_packed_stays_as_it_is() {
        for payload in [&b""[..], b"a|i:1;", b":xx:abc", b":gz"] {
            assert_eq!(unpack(payload.to_vec()).as_deref(), Ok(payload));
        }
    }

    #[test]
    fn what_is_damaged_is_said_to_be() {
        for kind in ["gz", "sn", "l4", "lz"] {
            let data = [format!(":{kind}:").as_bytes(), &[0xff; 40]].concat();
            assert!(unpack(data).is_err(), "{kind}");
        }
    }
}
