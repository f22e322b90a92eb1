//! The files of the protocol that decide the rate, and nothing else of it: they are no part of the public
//! interface.

#[path = "../../src/proto/congestion/controller.rs"]
pub(crate) mod congestion;
#[path = "../../src/proto/congestion/pacer.rs"]
pub(crate) mod pacer;
#[path = "../../src/proto/recovery/rtt.rs"]
pub(crate) mod round_trip;
#[path = "../../src/proto/time.rs"]
pub(crate) mod time;
