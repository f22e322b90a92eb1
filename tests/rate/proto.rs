//! The files of the protocol that decide the rate, and nothing else of it: they are no part of the public
//! interface.

#[path = "../../src/proto/congestion.rs"]
pub(crate) mod congestion;
#[path = "../../src/proto/pacer.rs"]
pub(crate) mod pacer;
#[path = "../../src/proto/round_trip.rs"]
pub(crate) mod round_trip;
#[path = "../../src/proto/time.rs"]
pub(crate) mod time;
