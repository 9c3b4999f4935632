//! Cascades: scenarios from files to rows.

mod probe;
