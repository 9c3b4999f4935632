//! What keeps identifiers and keys in this process: no core dumps, no look into its memory, and no
//! panic message or log line of somebody else's code that might quote what passes through it.

use std::panic::PanicHookInfo;

use rustix::process::{
    DumpableBehavior, Resource, Rlimit, getrlimit, set_dumpable_behavior, setrlimit,
};

/// Whose log lines may go into detail (`debug` and `trace`): ours, which quote nothing. Everybody
/// else's, the transport's above all, may print what they carry; they are heard up to `info`.
pub const SPEAK_IN_DETAIL: [&str; 1] = ["interlock"];

/// Whether a log line may be written at all, whatever `RUST_LOG` says.
pub fn may_be_logged(target: &str, level: tracing::Level) -> bool {
    let ours = |name: &&str| {
        let rest = target.strip_prefix(*name);
        // `interlock`, `interlock_node`, `interlock::x`; not `interlocking`.
        rest.is_some_and(|rest| rest.is_empty() || rest.starts_with(['_', ':']))
    };
    level <= tracing::Level::INFO || SPEAK_IN_DETAIL.iter().any(ours)
}

/// Forbids core dumps of this process, and other processes of its user to read its memory.
///
/// # Errors
/// When the system refuses.
pub fn forbid_core_dumps() -> std::io::Result<()> {
    // The limit alone does not bind a handler that the system pipes dumps to.
    set_dumpable_behavior(DumpableBehavior::NotDumpable)?;
    let maximum = getrlimit(Resource::Core).maximum;
    setrlimit(Resource::Core, Rlimit { current: Some(0), maximum })?;
    Ok(())
}

/// Takes [`forbid_core_dumps`] back.
///
/// # Errors
/// When the system refuses.
pub fn allow_core_dumps() -> std::io::Result<()> {
    set_dumpable_behavior(DumpableBehavior::Dumpable)?;
    let maximum = getrlimit(Resource::Core).maximum;
    setrlimit(Resource::Core, Rlimit { current: maximum, maximum })?;
    Ok(())
}

/// From here on a panic says where it was, and no more than is written in the program: a message
/// made of values may quote them.
pub fn guard_panic_messages() {
    std::panic::set_hook(Box::new(|info| {
        let thread = std::thread::current();
        let thread = thread.name().unwrap_or("unnamed").to_owned();
        tracing::error!(thread, "panicked{}", panic_line(info));
    }));
}

fn panic_line(info: &PanicHookInfo<'_>) -> String {
    let place = info.location().map(|place| format!(" at {}:{}", place.file(), place.line()));
    let place = place.unwrap_or_default();
    match info.payload().downcast_ref::<&'static str>() {
        Some(literal) => format!("{place}: {literal}"),
        None => format!("{place} (its message is withheld: it may quote an identifier)"),
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use rustix::process::dumpable_behavior;
    use tracing::Level;

    use super::*;

    #[test]
    fn only_our_own_lines_go_into_detail() {
        for target in ["interlock", "interlock_node::peers", "interlock_store", "interlock::cli"] {
            assert!(may_be_logged(target, Level::TRACE), "{target}");
        }
        for target in
            ["h2::codec", "hyper", "hyper_util", "tonic", "tower::buffer", "rustls", "interlocking"]
        {
            assert!(!may_be_logged(target, Level::DEBUG), "{target}");
            assert!(!may_be_logged(target, Level::TRACE), "{target}");
            assert!(may_be_logged(target, Level::INFO), "{target}");
        }
    }

    #[test]
    fn core_dumps_can_be_forbidden() {
        forbid_core_dumps().expect("the system allows it");
        assert_eq!(dumpable_behavior().expect("it is known"), DumpableBehavior::NotDumpable);
        assert_eq!(getrlimit(Resource::Core).current, Some(0));
    }

    #[test]
    fn a_panic_quotes_no_value() {
        let lines = Arc::new(Mutex::new(Vec::new()));
        let told = lines.clone();
        std::panic::set_hook(Box::new(move |info| {
            told.lock().expect("nobody panics here").push(panic_line(info));
        }));
        let secret = "11010519491231002X";
        let panics: [fn(&str); 2] = [
            // An index inside a character: the library's message quotes the text.
            |secret| drop(std::hint::black_box(format!("{secret}\u{4e00}"))[..19].to_owned()),
            |_| panic!("it is written here"),
        ];
        for panics in panics {
            assert!(std::panic::catch_unwind(|| panics(secret)).is_err());
        }
        drop(std::panic::take_hook());
        let lines = lines.lock().expect("nobody panics here");
        assert!(lines.iter().all(|line| !line.contains(secret)), "{lines:?}");
        assert!(lines[1].ends_with(": it is written here"), "{lines:?}");
    }
}
