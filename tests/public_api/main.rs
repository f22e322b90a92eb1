//! Promises of the public API that no single module can show: what `Debug` prints, which types are
//! `Send` and `Sync`, what events and statistics contain, and sockets that were bound elsewhere.
#![forbid(unsafe_code)]

mod debug;
mod events;
mod from_std;
mod pair;
mod send_sync;
