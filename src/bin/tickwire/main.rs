//! The command line of tickwire.
#![forbid(unsafe_code)]

fn main() {}
