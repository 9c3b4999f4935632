//! Cascades: what a policy does to a whole industry. Platforms flag borrowers, rightly and by mistake;
//! each decides with the engine and its policy file; and where a policy counts receipts, what one
//! platform did is evidence for the next.
//!
//! `scenario` is what is simulated, `plan` what is said whatever anybody decides, `live` and `feedback`
//! what is decided, `hands` what platforms make of it, `tally` and `row` what it came to.

mod crowd;
mod draw;
mod events;
mod feedback;
mod graphs;
mod hands;
mod held;
mod live;
pub mod output;
mod plan;
mod row;
mod run;
pub mod scenario;
mod shipped;
mod stats;
mod stories;
pub mod sweep;
mod tally;
mod world;

pub use draw::seed_of_run;
pub use events::{Log, MAX_LOGGED_LINES};
pub use feedback::{MAX_RECEIPTS_PER_PLATFORM, Restless};
pub use hands::Change;
pub use live::Decided;
pub use plan::{Act, Draw, FlagTruth, Plan, Rightness, Truth, tag};
pub use row::{COLUMNS, Column, Value};
pub use run::{Logged, Run, RunError, Runs, SweepError, plans, sweep as run_sweep};
pub use scenario::Scenario;
pub use shipped::{SHIPPED, Shipped};
pub use stats::{CONFIDENCE, Estimate, QUANTILES, Summary, quantile};
pub use tally::Tally;
