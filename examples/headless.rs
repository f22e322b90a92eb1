//! A headless server: a clock that players synchronise with. It sleeps until something happens, and prints
//! connects and disconnects.
//!
//! `cargo run --example headless` ends when its standard input says "quit" or is closed. The address to bind
//! is an optional argument; by default the system picks a port.

use std::net::SocketAddr;
use std::time::Instant;
use std::{env, error::Error, io, process::ExitCode, thread};

use tickwire::{Config, Delivery, Event, Host, Waker};

/// What the clock and its players must have in common.
const CLOCK: u64 = 2;

fn run() -> Result<(), Box<dyn Error>> {
    let address = env::args().nth(1).unwrap_or("127.0.0.1:0".into());
    let address: SocketAddr = address.parse()?;
    let mut host = Host::bind(address, Config::noise(CLOCK))?;
    println!("listening on {}", host.local_addr());

    let waker = host.waker()?;
    thread::spawn(move || wake_at_quit(&waker));

    let started = Instant::now();
    while !host.is_shut_down() {
        host.wait(None)?; // sends the replies of the last turn, then sleeps
        if host.take_woken() {
            host.shutdown(0); // disconnects all peers; then the loop ends
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
                    // Unreliable, because a retransmitted time is wrong. An error (the peer is gone, or its
                    // queue is full) is ignored: the client asks again.
                    let _ = host.send(peer, Delivery::Unreliable, &answer);
                }
                _ => {}
            }
        }
    }
    Ok(())
}

fn main() -> ExitCode {
    if let Err(error) = run() {
        eprintln!("headless: {error}");
        return ExitCode::FAILURE;
    }
    ExitCode::SUCCESS
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
