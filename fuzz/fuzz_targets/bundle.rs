//! `interlock_fuzzing::bundle` on what libFuzzer finds.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| interlock_fuzzing::bundle(bytes));
