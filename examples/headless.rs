//! A server without a picture: a clock that players set theirs by. It sleeps until something happens,
//! and says who comes and who goes.
//!
//! `cargo run --example headless` ends when its standard input says "quit" or is closed. An address
//! to bind may be given, otherwise the system picks a port.

use std::net::SocketAddr;
use std::time::Instant;
use std::{env, io, thread};

use tickwire::{Config, Delivery, Event, Host, Waker};

/// What the clock and its players must have in common.
const CLOCK: u64 = 2;

fn main() -> io::Result<()> {
    let address = env::args().nth(1).unwrap_or("127.0.0.1:0".into());
    let address: SocketAddr = address.parse().map_err(io::Error::other)?;
    let mut host = Host::bind(address, Config::noise(CLOCK))?;
    println!("listening on {}", host.local_addr());

    let waker = host.waker()?;
    thread::spawn(move || wake_at_quit(&waker));

    let started = Instant::now();
    while !host.is_shut_down() {
        host.wait(None)?; // sends the answers of the last turn, then sleeps
        if host.take_woken() {
            host.shutdown(0); // everybody is told; then the loop ends
        }
        while let Some(event) = host.next_event() {
            match event {
                Event::Connected { peer, address, .. } => println!("{peer} came from {address}"),
                Event::Moved { peer, address, .. } => println!("{peer} moved to {address}"),
                Event::Disconnected { peer, reason, .. } => println!("{peer} went: {reason}"),
                Event::Message { peer, bytes, .. } => {
                    let Some(answer) = answer(&bytes, started) else {
                        continue; // no question
                    };
                    // Unreliable, because an answer that comes late by being sent again is a wrong one. He
                    // may be gone, or may ask faster than answers leave: then he asks again.
                    let _ = host.send(peer, Delivery::Unreliable, &answer);
                }
                _ => {}
            }
        }
    }
    Ok(())
}

/// A question is a number of the asker's own, four bytes. The answer is that number and the
/// microseconds since the start, eight bytes.
fn answer(question: &[u8], started: Instant) -> Option<[u8; 12]> {
    let question: [u8; 4] = question.try_into().ok()?;
    let micros = u64::try_from(started.elapsed().as_micros()).ok()?;
    let mut answer = [0; 12];
    answer[..4].copy_from_slice(&question);
    answer[4..].copy_from_slice(&micros.to_be_bytes());
    Some(answer)
}

fn wake_at_quit(waker: &Waker) {
    let lines = io::stdin().lines().map_while(Result::ok);
    lines
        .take_while(|line| line.trim() != "quit")
        .for_each(drop);
    waker.wake().expect("the system wakes its own process");
}
