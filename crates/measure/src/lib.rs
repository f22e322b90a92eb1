//! Code shared by the benchmarks: interleaved rounds, statistics, floors, machine facts and tables.
//!
//! - [`runner`] measures subjects in interleaved rounds, and [`statistics`] summarises them.
//! - [`floors`] are loops on std and mio, each a [`Side`](side::Side) of an exchange; [`echo`] runs
//!   a side on its own thread.
//! - [`machine`], [`receive_buffer`], [`open_files`], [`affinity`] and [`cpu`] query the operating
//!   system.
//! - [`goals`] are data, [`settings`] is the command line of `cargo bench --bench goals`,
//!   [`report`] its output, and [`table`] every table.
//!
//! It does not depend on tickwire: each benchmark adds its subjects.
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
