//! Feeds the reader of sessions with anything. Run with the inputs of the tree, adding new ones elsewhere:
//! `cargo +nightly fuzz run contents NEW_INPUTS fuzz/corpus/contents`, in `core/`.
#![no_main]

use libfuzzer_sys::fuzz_target;

#[path = "../checks/contents.rs"]
mod contents;

fuzz_target!(|input: &[u8]| contents::check(input));
