//! Receiving and sending allocate nothing: counted, not believed.

mod common;

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::time::Duration;

use common::bind;
use tickwire::EndpointConfig;

/// The system's allocator, counting what each thread asks of it.
struct Counting;

thread_local! {
    static ALLOCATIONS: Cell<u64> = const { Cell::new(0) };
}

// SAFETY: every call is handed on to the system's allocator as it came.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        count();
        // SAFETY: the caller's promises are passed on.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        // SAFETY: as above.
        unsafe { System.dealloc(pointer, layout) }
    }

    unsafe fn realloc(&self, pointer: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        count();
        // SAFETY: as above.
        unsafe { System.realloc(pointer, layout, size) }
    }
}

fn count() {
    // A thread that is ending has no counter any more, and is not one of ours.
    let _ = ALLOCATIONS.try_with(|allocations| allocations.set(allocations.get() + 1));
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

fn allocations_of(body: impl FnOnce()) -> u64 {
    let before = ALLOCATIONS.get();
    body();
    ALLOCATIONS.get() - before
}

#[test]
fn the_counter_counts() {
    assert_eq!(allocations_of(|| drop(Box::new(1))), 1);
}

#[test]
fn a_hundred_thousand_datagrams_received_and_echoed_allocate_nothing_batched() {
    echo_allocates_nothing(&EndpointConfig::default());
}

#[test]
fn a_hundred_thousand_datagrams_received_and_echoed_allocate_nothing_single() {
    echo_allocates_nothing(&EndpointConfig {
        batch: 1,
        ..EndpointConfig::default()
    });
}

fn echo_allocates_nothing(config: &EndpointConfig) {
    const BURST: usize = 200;
    let (mut server, mut client) = (bind(config), bind(config));
    let to = server.local_addr();
    let mut echoed = 0;
    let mut echo_a_burst = || {
        for number in 0..BURST {
            client.send(to, &[7; 1024][..number]).unwrap();
        }
        client.flush().unwrap();
        server.wait(Some(Duration::from_secs(30))).unwrap();
        let (mut rx, mut tx) = server.split();
        while let Some(d) = rx.recv().unwrap() {
            tx.send(d.from, d.bytes).unwrap();
        }
        server.flush().unwrap();
        while client.recv().unwrap().is_some() {
            echoed += 1;
        }
    };
    echo_a_burst();
    let allocations = allocations_of(|| (0..500).for_each(|_| echo_a_burst()));
    assert_eq!(echoed, 501 * BURST);
    assert_eq!(allocations, 0);
}

#[test]
fn refused_sends_allocate_nothing() {
    let mut endpoint = bind(&EndpointConfig::default());
    let own = endpoint.local_addr();
    let allocations = allocations_of(|| {
        for _ in 0..1000 {
            assert!(endpoint.send(own, &[0; 1025]).is_err());
            assert!(endpoint.send("[::1]:9".parse().unwrap(), b"").is_err());
        }
    });
    assert_eq!(allocations, 0);
}
