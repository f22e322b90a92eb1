//! Rules of the source tree.
//!
//! - `walls`: names that a folder must not use: the operating system, the clock, entropy, `unsafe`,
//!   printing, sleep.
//! - `layers`: which module of the library may import which, and that imports have no cycle.
//! - `names`: no type name is defined twice in the library.
//! - `headers`: every file states its purpose, and every crate forbids `unsafe` code.
//! - `words`: plain technical English, and comment lines of at most 100 columns.
//! - `guide`: complete programs, links and diagrams of the guide.
//!
//! There are no exceptions for single lines: change the line, or change the rule. Each rule has a
//! test with a line that breaks it.

#![forbid(unsafe_code)]

mod guide;
mod headers;
mod imports;
mod layers;
mod names;
mod source;
mod walls;
mod words;
