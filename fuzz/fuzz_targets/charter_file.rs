//! `interlock_fuzzing::charter_file` on what libFuzzer finds.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| interlock_fuzzing::charter_file(bytes));
