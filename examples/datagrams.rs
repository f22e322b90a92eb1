//! The layer below connections: an echo of raw datagrams.
//!
//! `cargo run --example datagrams` sends each datagram back to its sender, and ends when its standard input
//! is closed. The address to bind is an optional argument; by default the system picks a port.

use std::net::SocketAddr;
use std::{env, error::Error, io, process::ExitCode, thread};

use tickwire::{Socket, SocketSendError};

fn run() -> Result<(), Box<dyn Error>> {
    let address = env::args().nth(1).unwrap_or("127.0.0.1:0".into());
    let address: SocketAddr = address.parse()?;
    let mut socket = Socket::bind(address)?;
    println!("listening on {}", socket.local_addr());

    let waker = socket.waker()?;
    thread::spawn(move || {
        io::stdin().lines().take_while(Result::is_ok).for_each(drop);
        waker.wake().expect("the system wakes its own process");
    });

    while !socket.take_woken() {
        socket.wait(None)?; // sends the replies of the last turn, then sleeps
        let (mut rx, mut tx) = socket.split();
        while let Some(datagram) = rx.recv()? {
            if datagram.truncated {
                continue; // the rest of it is lost
            }
            match tx.send(datagram.from, datagram.bytes) {
                // The send queue is full: drop the reply, as the network might.
                Ok(()) | Err(SocketSendError::QueueFull) => {}
                Err(error) => return Err(error.into()),
            }
        }
    }
    let stats = socket.stats();
    println!("datagrams heard: {}", stats.datagrams_received);
    Ok(())
}

fn main() -> ExitCode {
    if let Err(error) = run() {
        eprintln!("datagrams: {error}");
        return ExitCode::FAILURE;
    }
    ExitCode::SUCCESS
}
