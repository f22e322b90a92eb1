//! Echo of raw datagrams with `Socket`, the layer below connections.
//!
//! `cargo run --example datagrams [ADDRESS]` ends when its standard input is closed. By default the
//! system selects a port.

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
                continue; // longer than the receive buffer
            }
            match tx.send(datagram.from, datagram.bytes) {
                // If the send queue is full, the reply is dropped.
                Ok(()) | Err(SocketSendError::QueueFull) => {}
                Err(error) => return Err(error.into()),
            }
        }
    }
    let stats = socket.stats();
    println!("datagrams received: {}", stats.datagrams_received);
    Ok(())
}

fn main() -> ExitCode {
    if let Err(error) = run() {
        eprintln!("datagrams: {error}");
        return ExitCode::FAILURE;
    }
    ExitCode::SUCCESS
}
