//! The list of `rustdb.takeover`: whose handlers are answered by rustdb.

use ext_php_rs::zend::ClassEntry;
use rustdb_core::error::{Error, ErrorKind, Result};

/// The list, read.
#[derive(Debug, Default)]
pub struct Names {
    /// `*`: every handler.
    pub all: bool,
    /// `files`: those who choose PHP's own files.
    pub files: bool,
    /// Classes, without a leading backslash.
    classes: Vec<String>,
}

impl Names {
    /// Reads the list; an empty one is none.
    ///
    /// # Errors
    /// [`ErrorKind::Config`] for the first name that no class can have.
    pub fn parse(text: &str) -> Result<Names> {
        let mut names = Names::default();
        for name in text.split(',').map(str::trim).filter(|name| !name.is_empty()) {
            match name {
                "*" => names.all = true,
                _ if name.eq_ignore_ascii_case("files") => names.files = true,
                _ => names.classes.push(class_name(name).ok_or_else(|| {
                    Error::new(
                        ErrorKind::Config,
                        format!(
                            "rustdb.takeover = \"{name}\" is not allowed; it takes names of classes with commas between, \
                             \"files\" for applications that choose PHP's own files, or \"*\" for every handler"
                        ),
                    )
                })?),
            }
        }
        Ok(names)
    }

    /// Whether nothing is to be taken over.
    pub fn is_empty(&self) -> bool {
        !self.all && !self.files && self.classes.is_empty()
    }

    /// Whether a class, one that it extends, or an interface is listed. By name only, so that no class is loaded for
    /// it.
    pub fn have(&self, class: &ClassEntry) -> bool {
        let listed = |class: &ClassEntry| {
            let name = name_of(class);
            self.classes.iter().any(|listed| name.eq_ignore_ascii_case(listed.as_bytes()))
        };
        std::iter::successors(Some(class), |class| class.parent())
            .any(|class| listed(class) || class.interfaces().is_some_and(|mut interfaces| interfaces.any(listed)))
    }
}

/// The name of a class. An anonymous one has NUL and its place in the source behind what people call it.
pub fn name_of(class: &ClassEntry) -> &[u8] {
    // SAFETY: every class has a name, which lives as long as the class.
    let name = unsafe { (*class.name).as_bytes() };
    name.split(|byte| *byte == 0).next().unwrap_or(name)
}

/// The name of a class, in parts with a backslash between, of letters, digits, `_` and whatever is not ASCII. Backslashes
/// that were doubled are taken as one, as in quotes in php.ini, which a pool of php-fpm does not undo.
fn class_name(name: &str) -> Option<String> {
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_' || byte >= 0x80;
    let begins = |part: &str| !part.as_bytes()[0].is_ascii_digit();
    let parts: Vec<&str> = name.split('\\').filter(|part| !part.is_empty()).collect();
    let valid = parts.iter().all(|part| part.bytes().all(allowed) && begins(part));
    (valid && !parts.is_empty() && !name.ends_with('\\')).then(|| parts.join("\\"))
}
