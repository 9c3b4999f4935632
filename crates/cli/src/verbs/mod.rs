//! The verbs that speak to a node or prepare one, one file each.

pub(crate) mod audit;
pub(crate) mod charter;
pub(crate) mod check;
pub(crate) mod cure;
pub(crate) mod decision;
pub(crate) mod dispute;
pub(crate) mod explain;
pub(crate) mod flag;
pub(crate) mod keygen;
pub(crate) mod node_run;
pub(crate) mod peers;
pub(crate) mod receipt;
pub(crate) mod scenario;
pub(crate) mod status;
pub(crate) mod watch;
