//! What Prometheus is told: the metrics of docs/operating.md, over HTTP on a loopback address.
//!
//! Labels are members, and names that are stable and known to the program. Nothing here can name a
//! subject. All but the writer's durations is read anew for each scrape.

mod serve;
mod tell;

use std::time::Duration;

use prometheus_client::metrics::histogram::{Histogram, exponential_buckets};

pub use serve::{MAX_SCRAPES, serve};
pub use tell::{MAX_DUE_COUNTED, Source};

/// Seconds: 50 µs and twice as much each time, up to 1.6 s.
fn durations() -> Histogram {
    Histogram::new(exponential_buckets(0.000_05, 2.0, 16))
}

/// What the writer measures of itself. Clones are the same.
#[derive(Debug, Clone)]
pub struct WriterMeters {
    step: Histogram,
    commit: Histogram,
}

impl Default for WriterMeters {
    fn default() -> Self {
        Self { step: durations(), commit: durations() }
    }
}

impl WriterMeters {
    /// The replica took so long for a step.
    pub fn stepped(&self, took: Duration) {
        self.step.observe(took.as_secs_f64());
    }

    /// A commit took so long, its fsync with it.
    pub fn committed(&self, took: Duration) {
        self.commit.observe(took.as_secs_f64());
    }
}
