//! A server without a picture: a clock that players set theirs by. It sleeps until somebody asks.
//!
//! `cargo run --example headless` ends when its standard input says "quit" or is closed. An address
//! to bind may be given, otherwise the system picks a port.

use std::net::SocketAddr;
use std::time::Instant;
use std::{env, io, thread};

use tickwire::{Endpoint, Waker};

/// A question is a number of the asker's own, four bytes, and eight of padding.
const QUESTION_BYTES: usize = 12;

fn main() -> io::Result<()> {
    let address = env::args().nth(1).unwrap_or("127.0.0.1:0".into());
    let address: SocketAddr = address.parse().map_err(io::Error::other)?;
    let mut endpoint = Endpoint::bind(address)?;
    println!("listening on {}", endpoint.local_addr());

    let waker = endpoint.waker()?;
    thread::spawn(move || wake_at_quit(&waker));

    let started = Instant::now();
    while !endpoint.take_woken() {
        endpoint.wait(None)?; // sends the answers of the last turn, then sleeps
        let (mut rx, mut tx) = endpoint.split();
        while let Some(question) = rx.recv()? {
            let Some(answer) = answer(question.bytes, started) else {
                continue; // a stranger's
            };
            // When the queue is full the answer is lost, as it could be on the way; he asks again.
            let _ = tx.send(question.from, &answer);
        }
    }
    if let Err(error) = endpoint.flush() {
        eprintln!("an answer was refused: {error}");
    }
    println!("datagrams heard: {}", endpoint.stats().datagrams_received);
    Ok(())
}

/// The asker's number and the microseconds since the start: as long as the question, so that nobody
/// gets more from here than was sent in his name.
fn answer(question: &[u8], started: Instant) -> Option<[u8; QUESTION_BYTES]> {
    let question: &[u8; QUESTION_BYTES] = question.try_into().ok()?;
    let micros = u64::try_from(started.elapsed().as_micros()).ok()?;
    let mut answer = *question;
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
