//! Public API: `Debug`, `Send` and `Sync`, contents of events and statistics, existing sockets.
#![forbid(unsafe_code)]

mod debug;
mod events;
mod from_std;
mod pair;
mod send_sync;
