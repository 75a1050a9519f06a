//! Letters that keys begin with.

/// A set of letters.
#[derive(Debug)]
pub(super) struct Letters([bool; 256]);

impl Letters {
    /// No key begins with one of these.
    pub(super) const NONE: Letters = Letters([false; 256]);

    pub(super) fn add(&mut self, letter: u8) {
        self.0[usize::from(letter)] = true;
    }

    /// Whether a key begins with one of them.
    #[inline]
    pub(super) fn begin(&self, key: &[u8]) -> bool {
        key.first().is_some_and(|letter| self.0[usize::from(*letter)])
    }
}
