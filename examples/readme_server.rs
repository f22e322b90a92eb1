//! The README's server: echoes every message.
//!
//! `cargo run --example readme_server [ADDRESS]`. The default address is `[::]:10080`, all IPv4 and
//! IPv6 interfaces. The server's key is in `server.key`, which the first start creates.

use std::{env, error::Error, path::Path, process};
use tickwire::{Config, Event, Host, NoiseConfig, PrivateKey, Security};

const PROTOCOL: u64 = 7; // your game and its version: client and server must agree

fn serve() -> Result<(), Box<dyn Error>> {
    let address = env::args().nth(1).unwrap_or("[::]:10080".into());
    if !Path::new("server.key").exists() {
        PrivateKey::generate()?.write_file("server.key")?;
    }
    let mut noise = NoiseConfig::new(PROTOCOL);
    noise.private_key = Some(PrivateKey::read_file("server.key")?);
    let config = Config {
        security: Security::Noise(noise),
        ..Config::default()
    };
    let mut host = Host::bind(address.parse()?, config)?;
    println!("listening on {}", host.local_addr());
    println!("public key {}", host.public_key().ok_or("no encryption")?);
    loop {
        host.wait(None)?; // sends the replies, then sleeps until a datagram or a timer
        while let Some(event) = host.next_event() {
            match event {
                Event::Connected { peer, address, .. } => println!("{peer} at {address} connected"),
                Event::Disconnected { peer, reason, .. } => println!("{peer} left: {reason}"),
                #[rustfmt::skip]
                Event::Message { peer, delivery, bytes, .. } => {
                    let _ = host.send(peer, delivery, &bytes); // an error if its queue is full
                }
                _ => {}
            }
        }
    }
}

fn main() {
    if let Err(error) = serve() {
        eprintln!("readme_server: {error}");
        process::exit(1);
    }
}
