//! What the benchmarks share: interleaved rounds, statistics, floors, machine facts and tables.
#![forbid(unsafe_code)]
