//! Bytes in and out of memory that other processes may write at the same time.
//!
//! What comes out may be a mixture of old and new; whoever asked has to find out. To the compiler such memory may only be
//! reached by atomics, or by instructions that it does not look into: long runs go by `rep movsb`, which is several
//! times as fast as eight bytes at a time, where the processor has it.

use std::sync::atomic::{AtomicU64, Ordering};

/// From so many bytes on the instruction is faster than the loop.
const LONG: usize = 256;

/// Copies the first `length` bytes of `words` to the end of `bytes`. Relaxed.
pub fn load(words: &[AtomicU64], length: usize, bytes: &mut Vec<u8>) {
    assert!(length <= words.len() * 8);
    bytes.reserve(length.next_multiple_of(8));
    let old = bytes.len();
    // SAFETY: the vector has room for `length` more bytes and up to seven behind them, `words` has as many, and they do
    // not overlap, as nobody else has the vector. All of the bytes are written before they are counted in.
    unsafe {
        let to = bytes.as_mut_ptr().add(old);
        if !copy_long(words.as_ptr().cast(), to, length) {
            for (number, word) in words[..length.div_ceil(8)].iter().enumerate() {
                to.add(number * 8).cast::<[u8; 8]>().write(word.load(Ordering::Relaxed).to_le_bytes());
            }
        }
        bytes.set_len(old + length);
    }
}

/// Copies bytes to `words`, which have room for them; what is left of the last word becomes zero. Relaxed: what is
/// stored with Release afterwards is seen later than they are.
pub fn store(words: &[AtomicU64], bytes: &[u8]) {
    assert!(bytes.len() <= words.len() * 8);
    let whole = bytes.len() / 8 * 8;
    let rest = &bytes[whole..];
    if !rest.is_empty() {
        let mut last = [0; 8];
        last[..rest.len()].copy_from_slice(rest);
        words[whole / 8].store(u64::from_le_bytes(last), Ordering::Relaxed);
    }
    // SAFETY: `words` are atomics, so they may be written through a shared reference; they have room for that many bytes,
    // and do not overlap with bytes that somebody holds a plain reference to.
    if unsafe { copy_long(bytes.as_ptr(), words.as_ptr().cast::<u8>().cast_mut(), whole) } {
        return;
    }
    for (word, bytes) in words.iter().zip(bytes.chunks_exact(8)) {
        word.store(u64::from_le_bytes(*bytes.first_chunk().expect("a chunk of 8 bytes")), Ordering::Relaxed);
    }
}

/// Copies words to others, of which there are as many, and which are none of the same. Relaxed, as [`store`].
pub fn between(from: &[AtomicU64], to: &[AtomicU64]) {
    assert_eq!(from.len(), to.len());
    // SAFETY: both are atomics, of that many bytes; they do not overlap, by what was asked for.
    if unsafe { copy_long(from.as_ptr().cast(), to.as_ptr().cast::<u8>().cast_mut(), from.len() * 8) } {
        return;
    }
    for (to, from) in to.iter().zip(from) {
        to.store(from.load(Ordering::Relaxed), Ordering::Relaxed);
    }
}

/// Copies a long run of bytes; `false`: it is none, or the processor has no such instruction, and nothing was done.
///
/// # Safety
/// `from` is readable and `to` writable for `length` bytes, by atomics if not by plain instructions, and they do not
/// overlap.
unsafe fn copy_long(from: *const u8, to: *mut u8, length: usize) -> bool {
    #[cfg(target_arch = "x86_64")]
    if length >= LONG {
        // SAFETY: the caller's promise; the direction flag is clear, as the calling convention has it. The stores may
        // become visible in any order, but before any that come after the instruction.
        unsafe {
            std::arch::asm!(
                "rep movsb",
                inout("rcx") length => _,
                inout("rdi") to => _,
                inout("rsi") from => _,
                options(nostack, preserves_flags),
            );
        }
        return true;
    }
    let _ = (from, to, length);
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_length_goes_in_and_out_as_it_is() {
        for length in (0..600usize).chain([4095, 4096, 65_537]) {
            let bytes: Vec<u8> = (0..length).map(|number| (number * 7 + length) as u8).collect();
            let words: Vec<AtomicU64> = (0..length.div_ceil(8) + 1).map(|_| AtomicU64::new(u64::MAX)).collect();
            store(&words, &bytes);
            assert_eq!(words[length.div_ceil(8)].load(Ordering::Relaxed), u64::MAX, "length {length}");
            let mut out = vec![1, 2, 3];
            load(&words, length, &mut out);
            assert_eq!(out[..3], [1, 2, 3]);
            assert_eq!(out[3..], bytes, "length {length}");
        }
    }
}
