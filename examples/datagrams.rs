//! The layer below connections: an echo of raw datagrams.
//!
//! `cargo run --example datagrams` sends back whatever comes, from whomever, and ends when its standard
//! input is closed. An address to bind may be given, otherwise the system picks a port.

use std::net::SocketAddr;
use std::{env, io, thread};

use tickwire::{Socket, SocketSendError};

fn main() -> io::Result<()> {
    let address = env::args().nth(1).unwrap_or("127.0.0.1:0".into());
    let address: SocketAddr = address.parse().map_err(io::Error::other)?;
    let mut socket = Socket::bind(address)?;
    println!("listening on {}", socket.local_addr());

    let waker = socket.waker()?;
    thread::spawn(move || {
        io::stdin().lines().take_while(Result::is_ok).for_each(drop);
        waker.wake().expect("the system wakes its own process");
    });

    while !socket.take_woken() {
        socket.wait(None)?; // sends the answers of the last turn, then sleeps
        let (mut rx, mut tx) = socket.split();
        while let Some(datagram) = rx.recv()? {
            if datagram.truncated {
                continue; // half of something
            }
            match tx.send(datagram.from, datagram.bytes) {
                // The system takes nothing for the moment: as good as lost on the way.
                Ok(()) | Err(SocketSendError::QueueFull) => {}
                Err(error) => return Err(error.into()),
            }
        }
    }
    let stats = socket.stats();
    println!("datagrams heard: {}", stats.datagrams_received);
    Ok(())
}
