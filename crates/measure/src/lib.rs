//! What the benchmarks share: interleaved rounds, statistics, floors, machine facts and tables.
//!
//! - [`runner`] measures subjects in interleaved rounds, and [`statistics`] sums rounds up.
//! - [`floors`] are the loops on std and mio that tickwire is measured against, each a [`Side`](side::Side)
//!   of a conversation; [`echo`] runs a side on a thread of its own.
//! - [`machine`], [`receive_buffer`], [`open_files`], [`affinity`] and [`cpu`] ask the operating system.
//! - [`goals`] are data, [`settings`] is the command line of `cargo bench --bench goals`, [`report`] its output, and
//!   [`table`] every table.
//!
//! It does not depend on tickwire: a benchmark brings the subjects that it measures.
#![forbid(unsafe_code)]

pub mod affinity;
pub mod cpu;
pub mod echo;
pub mod floors;
pub mod goals;
pub mod losses;
pub mod machine;
pub mod open_files;
pub mod receive_buffer;
pub mod report;
pub mod runner;
pub mod settings;
pub mod side;
pub mod statistics;
pub mod table;
