//! `interlock_fuzzing::feed_head` on what libFuzzer finds.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| interlock_fuzzing::feed_head(bytes));
