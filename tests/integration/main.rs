//! Real nodes of the real program over real sockets: what a consortium promises, and what it does
//! when somebody in it or outside it means harm.
//!
//! Nothing here sleeps to let things happen: [`eventually`] polls for a condition, with a deadline.

mod amending;
mod backing_up;
mod bad_input;
mod breaker;
mod calls;
mod canaries;
mod colluding;
mod consortium;
mod custody;
mod deciding;
mod disputing;
mod enduring;
mod equivocating;
mod erasing;
mod flooding;
mod governed;
mod hostile;
mod independence;
mod lateness;
mod needles;
mod node;
mod operators;
mod peppers;
mod proving;
mod proxy;
mod refusing;
mod restarting;
mod retaining;
mod reviewing;
mod starting;
mod succession;
mod suspending;
mod timers;
mod trustee;
mod watching;
mod withholding;
mod writing;

use std::time::Duration;

/// How long anything may take that must happen.
const DEADLINE: Duration = Duration::from_secs(30);
/// How often a condition is looked at.
const POLL: Duration = Duration::from_millis(10);

/// Waits until `check` is well. What it said last is in the panic when it never is.
async fn eventually<T>(what: &str, mut check: impl AsyncFnMut() -> Result<T, String>) -> T {
    let start = tokio::time::Instant::now();
    loop {
        match check().await {
            Ok(value) => return value,
            Err(saw) if start.elapsed() > DEADLINE => {
                panic!("{what}: not within {DEADLINE:?}, at last {saw}")
            }
            Err(_) => tokio::time::sleep(POLL).await,
        }
    }
}

/// Waits for something that comes by itself.
async fn soon<T>(what: &str, coming: impl Future<Output = T>) -> T {
    let Ok(came) = tokio::time::timeout(DEADLINE, coming).await else {
        panic!("{what}: not within {DEADLINE:?}")
    };
    came
}
