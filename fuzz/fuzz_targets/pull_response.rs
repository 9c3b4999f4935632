//! `interlock_fuzzing::pull_response` on what libFuzzer finds.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| interlock_fuzzing::pull_response(bytes));
