//! The README's game tick: sends an input per tick at 60 Hz and prints the replies, for 60 ticks.
//!
//! `cargo run --example readme_client KEY [ADDRESS]`. The default address is `127.0.0.1:10080`.

use std::{env, error::Error, net::ToSocketAddrs, process, time::Instant};
use tickwire::{Config, ConnectOptions, Delivery, Event, Host, Ticker};

const PROTOCOL: u64 = 7; // the server's

fn play() -> Result<(), Box<dyn Error>> {
    let key = env::args()
        .nth(1)
        .ok_or("usage: readme_client KEY [ADDRESS]")?;
    let address = env::args().nth(2).unwrap_or("127.0.0.1:10080".into());
    let config = Config {
        accept_incoming: false, // a client accepts no connections
        ..Config::noise(PROTOCOL)
    };
    let mut host = Host::bind("[::]:0".parse()?, config)?;
    let options = ConnectOptions::default().pin(key.parse()?); // authenticates the server
    let resolved = address.to_socket_addrs()?.next().ok_or("unknown name")?;
    let server = host.connect(resolved, &options)?;
    let (mut ticker, mut tick) = (Ticker::hz(60), 0);
    while tick < 60 {
        host.wait_until(ticker.deadline())?; // sleeps until a datagram or the next tick
        while let Some(event) = host.next_event() {
            match event {
                Event::Connected { .. } => println!("connected to {address}"),
                Event::Message { bytes, .. } => println!("{}", String::from_utf8_lossy(&bytes)),
                Event::Disconnected { reason, .. } => return Err(reason.into()),
                _ => {}
            }
        }
        for _ in 0..ticker.steps_due(Instant::now()) {
            if host.is_connected(server) {
                tick += 1;
                let input = format!("input of tick {tick}");
                host.send(server, Delivery::Sequenced(0), input.as_bytes())?;
            }
        }
        host.flush()?; // this tick's messages leave now
    }
    host.close(0)?; // disconnects
    Ok(())
}

fn main() {
    if let Err(error) = play() {
        eprintln!("readme_client: {error}");
        process::exit(1);
    }
}
