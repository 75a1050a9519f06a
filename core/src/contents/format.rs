//! The formats of a session payload that can be read.

/// How PHP lays out the session, by `session.serialize_handler` (`PS_SERIALIZER_ENCODE_FUNC` in ext/session/session.c).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// `php`: for each key its name, `|`, and the serialised value.
    Php,
    /// `php_serialize`: the whole session as one serialised array.
    PhpSerialize,
    /// `php_binary`: for each key a byte with the length of its name, the name, and the serialised value.
    PhpBinary,
}

impl Format {
    /// The format that PHP calls by this name. `None` for those of other extensions (igbinary, msgpack): what they wrote
    /// is not read at all.
    pub fn from_name(name: &str) -> Option<Format> {
        match name {
            "php" => Some(Format::Php),
            "php_serialize" => Some(Format::PhpSerialize),
            "php_binary" => Some(Format::PhpBinary),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_formats_of_other_extensions_are_none() {
        assert_eq!(Format::from_name("php"), Some(Format::Php));
        assert_eq!(Format::from_name("php_serialize"), Some(Format::PhpSerialize));
        assert_eq!(Format::from_name("php_binary"), Some(Format::PhpBinary));
        for name in ["igbinary", "msgpack", "wddx", "PHP", "php ", ""] {
            assert_eq!(Format::from_name(name), None, "{name}");
        }
    }
}
