//! What a column that tells of the visitor takes, and the literals that go into it: nothing of a visitor's stands in one as it
//! is, and none makes a statement fail.

use std::net::IpAddr;

use super::statements::hexadecimal;
use super::table::Column;
use super::widen;

/// Characters of `latin1`, which is cp1252 to the servers, that are not among the first 256 of Unicode (MySQL, "West
/// European Character Sets").
const BEYOND_LATIN1: &str = "€‚ƒ„…†‡ˆ‰Š‹ŒŽ‘’“”•–—˜™š›œžŸ";

/// What a column takes.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Takes {
    /// Whole numbers from the one to the other.
    Number(i128, i128),
    /// Text.
    Text { charset: String, characters: u64, bytes: u64, padded: bool },
    /// So many bytes.
    Bytes(u64),
    /// MariaDB's `uuid`.
    Uuid,
}

impl Takes {
    pub(super) fn of(column: &Column) -> Option<Takes> {
        let kind = column.kind.to_ascii_lowercase();
        let bits = match kind.split(['(', ' ']).next()? {
            "tinyint" => 8,
            "smallint" => 16,
            "mediumint" => 24,
            "int" => 32,
            "bigint" => 64,
            "char" | "varchar" | "tinytext" | "text" | "mediumtext" | "longtext" => {
                return Some(Takes::Text {
                    charset: widen::charset_of(&column.collation).to_owned(),
                    characters: column.characters,
                    bytes: column.bytes,
                    padded: kind.starts_with("char"),
                });
            }
            "varbinary" | "tinyblob" | "blob" | "mediumblob" | "longblob" => return Some(Takes::Bytes(column.bytes)),
            "uuid" => return Some(Takes::Uuid),
            _ => return None,
        };
        let half = 1_i128 << (bits - 1);
        Some(if kind.contains("unsigned") { Takes::Number(0, 2 * half - 1) } else { Takes::Number(-half, half - 1) })
    }

    /// A text as a literal; `None`: the column would not keep it as it is.
    pub(super) fn literal(&self, text: &str) -> Option<String> {
        let fits = match self {
            Takes::Number(least, most) => {
                let number = text.parse::<i128>().ok().filter(|number| number.to_string() == text)?;
                return (least..=most).contains(&&number).then(|| number.to_string());
            }
            Takes::Text { charset, characters, bytes, padded } => {
                // Trailing spaces are what a column of this kind is filled up with.
                (!padded || !text.ends_with(' '))
                    && text.chars().count() as u64 <= *characters
                    && size_in(charset, text).is_some_and(|size| size <= *bytes)
            }
            Takes::Bytes(bytes) => text.len() as u64 <= *bytes,
            Takes::Uuid => is_uuid(text),
        };
        fits.then(|| if matches!(self, Takes::Bytes(_)) { hexadecimal(text.as_bytes()) } else { utf8(text) })
    }

    /// An address as a literal. In a column of numbers it stands as `INET_ATON()` has it.
    pub(super) fn address(&self, text: &str) -> Option<String> {
        match (self, text.parse().map(|address: IpAddr| address.to_canonical())) {
            (Takes::Number(..), Ok(IpAddr::V4(address))) => self.literal(&u32::from(address).to_string()),
            (Takes::Number(..), _) => None,
            _ => self.literal(text),
        }
    }

    /// The same of what a browser calls itself, of which a short column has the beginning.
    pub(super) fn agent(&self, text: &str) -> Option<String> {
        let room = match self {
            Takes::Text { charset, characters, bytes, .. } => (*characters).min(bytes / width_in(charset)),
            Takes::Bytes(bytes) => *bytes,
            Takes::Number(..) | Takes::Uuid => return None,
        };
        // It is ASCII, so each byte is a character.
        let kept = text.len().min(usize::try_from(room).unwrap_or(usize::MAX));
        let kept = text.get(..kept)?;
        self.literal(if matches!(self, Takes::Text { padded: true, .. }) { kept.trim_end() } else { kept })
    }

    /// The condition of rows with this user in the column `name`; `None`: it can have no such user.
    pub(super) fn is(&self, name: &str, user: &str) -> Option<String> {
        let literal = self.literal(user)?;
        Some(match self {
            Takes::Number(..) | Takes::Bytes(_) | Takes::Uuid => format!("{name}={literal}"),
            // An index serves the first of the two, whatever the collation takes for equal.
            Takes::Text { .. } => {
                let exactly = hexadecimal(user.as_bytes());
                format!("{name}={literal} AND CAST(CONVERT({name} USING utf8mb4) AS BINARY)={exactly}")
            }
        })
    }

    /// The column `name` as a field that is sent as UTF-8.
    pub(super) fn field(&self, name: &str) -> String {
        match self {
            Takes::Text { .. } => format!("CONVERT({name} USING utf8mb4)"),
            Takes::Number(..) | Takes::Bytes(_) | Takes::Uuid => name.to_owned(),
        }
    }
}

/// Bytes that the longest character of ASCII takes.
fn width_in(charset: &str) -> u64 {
    match charset {
        "ucs2" => 2,
        "utf16" | "utf16le" | "utf32" => 4,
        _ => 1,
    }
}

/// The most bytes that a text takes in a character set; `None`: it may have characters that are not in it.
fn size_in(charset: &str, text: &str) -> Option<u64> {
    let characters = text.chars().count() as u64;
    let (whole, size) = match charset {
        "utf8mb4" | "utf8" | "utf8mb3" => (widen::is_text(charset, text.as_bytes()), text.len() as u64),
        "ucs2" => (text.chars().all(|c| c <= '\u{ffff}'), 2 * characters),
        "utf16" | "utf16le" | "utf32" => (true, 4 * characters),
        "latin1" => (text.chars().all(|c| c <= '\u{ff}' || BEYOND_LATIN1.contains(c)), characters),
        // The one of MySQL's that has not all of ASCII.
        "swe7" => (text.bytes().all(|byte| byte.is_ascii_alphanumeric()), characters),
        _ => (text.is_ascii(), characters),
    };
    whole.then_some(size)
}

/// Whether it is a UUID as MariaDB writes it.
fn is_uuid(text: &str) -> bool {
    let parts: Vec<&str> = text.split('-').collect();
    let is_hex = |part: &&str| part.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
    parts.iter().all(is_hex) && parts.iter().map(|part| part.len()).eq([8, 4, 4, 4, 12])
}

/// A text as a literal that no character set of a connection changes.
fn utf8(text: &str) -> String {
    if text.is_empty() { "''".to_owned() } else { format!("_utf8mb4 {}", hexadecimal(text.as_bytes())) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn takes(kind: &str, collation: &str, characters: u64) -> Takes {
        let column = Column {
            name: "user_id".to_owned(),
            kind: kind.to_owned(),
            collation: collation.to_owned(),
            characters,
            bytes: 4 * characters,
            nullable: true,
            indexed: false,
            generated: false,
            refers: false,
        };
        Takes::of(&column).unwrap()
    }

    #[test]
    fn a_column_of_numbers_takes_those_in_its_range_in_one_spelling() {
        let unsigned = takes("int(10) unsigned", "", 0);
        for number in ["1", "41", "4294967295"] {
            assert_eq!(unsigned.literal(number).as_deref(), Some(number));
        }
        for none in
            ["-1", "4294967296", "041", "+41", " 41", "41 ", "4.1e1", "0x29", "anna", "", "9".repeat(60).as_str()]
        {
            assert_eq!(unsigned.literal(none), None, "{none:?}");
        }
        assert_eq!(takes("tinyint", "", 0).literal("-128").as_deref(), Some("-128"));
        assert_eq!(takes("mediumint", "", 0).literal("8388608"), None);
        assert_eq!(takes("bigint", "", 0).literal("9223372036854775808"), None);
        let most = takes("bigint unsigned", "", 0).literal("18446744073709551615");
        assert_eq!(most.as_deref(), Some("18446744073709551615"));
    }

    #[test]
    fn text_that_a_column_would_change_is_not_for_it() {
        let keeps = |kind, collation, text: &str| takes(kind, collation, 4).literal(text).is_some();
        assert!(keeps("varchar(4)", "utf8mb4_bin", "a😀'\\"));
        assert!(!keeps("varchar(4)", "utf8mb4_bin", "abcde"));
        assert!(!keeps("varchar(4)", "utf8mb3_general_ci", "a😀"));
        assert!(keeps("varchar(4)", "utf8mb3_general_ci", "Ж"));
        assert!(keeps("varchar(4)", "latin1_swedish_ci", "é€"));
        assert!(!keeps("varchar(4)", "latin1_swedish_ci", "Ж"));
        assert!(!keeps("varchar(4)", "cp1251_general_ci", "Ж"));
        assert!(!keeps("char(4)", "ascii_bin", "abc "));
        assert!(keeps("varchar(4)", "ascii_bin", "abc "));
        assert!(keeps("uuid", "", "0192f0c1-2d3e-7f4a-8b5c-6d7e8f901a2b"));
        assert!(!keeps("uuid", "", "0192F0C1-2d3e-7f4a-8b5c-6d7e8f901a2b"));
        assert!(!keeps("uuid", "", "0192f0c12d3e7f4a8b5c6d7e8f901a2b"));
    }

    #[test]
    fn nothing_of_a_visitor_stands_in_a_literal_as_it_is() {
        let text = takes("varchar(191)", "utf8mb4_bin", 191);
        assert_eq!(text.literal("';--\\").as_deref(), Some("_utf8mb4 x'273b2d2d5c'"));
        assert_eq!(text.agent("").as_deref(), Some("''"));
        assert_eq!(takes("varchar(3)", "utf8mb4_bin", 3).agent("Mozilla").as_deref(), Some("_utf8mb4 x'4d6f7a'"));
        let number = takes("int unsigned", "", 0);
        assert_eq!(number.address("192.0.2.7").as_deref(), Some("3221225991"));
        assert_eq!(number.address("::ffff:192.0.2.7").as_deref(), Some("3221225991"));
        assert_eq!(number.address("2001:db8::1"), None);
        assert_eq!(takes("varchar(15)", "ascii_bin", 15).address("2001:db8:1234::5678"), None);
    }
}
