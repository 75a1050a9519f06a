//! The hash slots of a Redis Cluster: which one a key belongs to, and which node has each (Redis Cluster Specification,
//! "Key distribution model" and "Hash tags").

use crc::{CRC_16_XMODEM, Crc};
use redis::Value;

use crate::server::Address;

/// How many there are.
pub const COUNT: usize = 16384;

const HASH: Crc<u16> = Crc::<u16>::new(&CRC_16_XMODEM);

/// The slot of a key: that of its tag, if it has one.
pub fn of(key: &[u8]) -> u16 {
    HASH.checksum(tag(key).unwrap_or(key)) % COUNT as u16
}

/// What stands between the first `{` and the first `}` after it, unless that is nothing.
pub fn tag(key: &[u8]) -> Option<&[u8]> {
    let start = key.iter().position(|byte| *byte == b'{')? + 1;
    let length = key[start..].iter().position(|byte| *byte == b'}')?;
    (length > 0).then(|| &key[start..start + length])
}

/// Slots that one master has.
#[derive(Debug, PartialEq, Eq)]
pub struct Range {
    /// The first of them.
    pub first: u16,
    /// The last of them.
    pub last: u16,
    /// The master, and then its replicas.
    pub nodes: Vec<Address>,
}

/// Reads the answer to `CLUSTER SLOTS` of the node at `asked`; `None`: it is none.
pub fn read(answer: &Value, asked: &Address) -> Option<Vec<Range>> {
    let Value::Array(ranges) = answer else { return None };
    ranges.iter().map(|range| read_range(range, asked)).collect()
}

fn read_range(range: &Value, asked: &Address) -> Option<Range> {
    let Value::Array(parts) = range else { return None };
    let [Value::Int(first), Value::Int(last), nodes @ ..] = parts.as_slice() else { return None };
    let number = |number: &i64| u16::try_from(*number).ok().filter(|number| usize::from(*number) < COUNT);
    Some(Range {
        first: number(first)?,
        last: number(last)?,
        nodes: nodes.iter().map(|node| read_node(node, asked)).collect::<Option<_>>()?,
    })
}

fn read_node(node: &Value, asked: &Address) -> Option<Address> {
    let Value::Array(parts) = node else { return None };
    let [host, Value::Int(port), ..] = parts.as_slice() else { return None };
    let host = match host {
        Value::BulkString(host) => std::str::from_utf8(host).ok()?,
        Value::Nil => "",
        _ => return None,
    };
    Some(address(host, u16::try_from(*port).ok()?, asked))
}

/// A node, as another one at `asked` names it: one that does not know its own name is where it was asked.
pub fn address(host: &str, port: u16, asked: &Address) -> Address {
    match asked {
        Address::Tcp { host: same, .. } if host.is_empty() || host == "?" => Address::Tcp { host: same.clone(), port },
        _ => Address::Tcp { host: host.to_owned(), port },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_has_the_slot_that_the_specification_gives_it() {
        // "123456789" is the specification's own example; the others are what CLUSTER KEYSLOT says.
        assert_eq!(HASH.checksum(b"123456789"), 0x31c3);
        assert_eq!(of(b"foo"), 12182);
        assert_eq!(of(b"{user1000}.following"), of(b"user1000"));
        assert_eq!(of(b"foo{{bar}}zap"), of(b"{bar"));
        assert_eq!(of(b"foo{bar}{zap}"), of(b"bar"));
        for whole in [b"foo{}{bar}".as_slice(), b"foo{bar", b"}foo{"] {
            assert_eq!(tag(whole), None);
        }
    }

    #[test]
    fn the_answer_of_a_node_is_read() {
        let asked = Address::Tcp { host: "asked".to_owned(), port: 1 };
        let text = b"*1\r\n*4\r\n:0\r\n:16383\r\n*3\r\n$0\r\n\r\n:7000\r\n$2\r\nid\r\n*3\r\n$3\r\n::1\r\n:7001\r\n$2\r\nid\r\n";
        let answer = redis::parse_redis_value(text).unwrap();
        let node = |host: &str, port| Address::Tcp { host: host.to_owned(), port };
        let nodes = vec![node("asked", 7000), node("::1", 7001)];
        assert_eq!(read(&answer, &asked), Some(vec![Range { first: 0, last: 16383, nodes }]));
        for other in [":1\r\n", "*1\r\n:1\r\n", "*1\r\n*2\r\n:0\r\n:16384\r\n", "*1\r\n*3\r\n:0\r\n:1\r\n*1\r\n:1\r\n"]
        {
            assert_eq!(read(&redis::parse_redis_value(other.as_bytes()).unwrap(), &asked), None, "{other}");
        }
    }
}
