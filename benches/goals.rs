//! Every promised figure, measured against a named floor.

fn main() {}
