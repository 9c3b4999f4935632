//! The verbs that speak to a node or prepare one, one file each.

pub(crate) mod charter;
pub(crate) mod check;
pub(crate) mod cure;
pub(crate) mod dispute;
pub(crate) mod erase;
pub(crate) mod explain;
pub(crate) mod flag;
pub(crate) mod forks;
pub(crate) mod held;
pub(crate) mod keygen;
pub(crate) mod node_run;
pub(crate) mod peers;
pub(crate) mod receipt;
pub(crate) mod release;
pub(crate) mod scenario;
pub(crate) mod status;
pub(crate) mod watch;
