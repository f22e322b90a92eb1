//! A headless time server for clock synchronisation. It sleeps until a datagram or a timer is due,
//! and prints connects and disconnects.
//!
//! `cargo run --example headless [ADDRESS]` ends when its standard input is "quit" or is closed. By
//! default the system selects a port.

use std::net::SocketAddr;
use std::time::Instant;
use std::{env, error::Error, io, process::ExitCode, thread};

use tickwire::{Config, Delivery, Event, Host, Waker};

/// Protocol and version: client and server must agree.
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
                        continue; // not a request
                    };
                    // Unreliable, because a retransmitted time is wrong. Errors (the peer has
                    // disconnected, its queue is full) are ignored: the client repeats its request.
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

/// A request is 4 bytes chosen by the client. The reply repeats them, followed by the microseconds
/// since the start as 8 bytes in big-endian order.
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
