//! A 60 Hz game over raw datagrams: a server steps the world, a player steers and draws it.
//! `cargo run --example game_tick` plays 60 states of it, with both sides in one process.

use std::net::{Ipv4Addr, SocketAddr};
use std::time::Instant;
use std::{io, thread};
use tickwire::{Endpoint, Ticker};

const HZ: u32 = 60;
const STATES: u32 = 60;
const WIDTH: u8 = 40;

/// Inputs (the direction: 0 left, 1 nowhere, 2 right) and states (the place) are a number and a byte.
fn encode(number: u32, value: u8) -> [u8; 5] {
    let [a, b, c, d] = number.to_be_bytes();
    [a, b, c, d, value]
}

/// The next message, and who sent it. What looks different is a stranger's.
fn hear(endpoint: &mut Endpoint) -> io::Result<Option<(SocketAddr, u32, u8)>> {
    while let Some(datagram) = endpoint.recv()? {
        if let Ok([a, b, c, d, value]) = <[u8; 5]>::try_from(datagram.bytes) {
            let number = u32::from_be_bytes([a, b, c, d]);
            return Ok(Some((datagram.from, number, value)));
        }
    }
    Ok(None)
}

fn serve(mut endpoint: Endpoint) -> io::Result<()> {
    let mut ticker = Ticker::hz(HZ);
    let (mut tick, mut x) = (0, 0_u8);
    let (mut pilot, mut newest, mut steer, mut states_owed) = (None, 0, 1, 0);
    loop {
        endpoint.wait_until(ticker.deadline())?;
        while let Some((from, input, value)) = hear(&mut endpoint)? {
            // Whoever speaks first steers the ship. An input that was overtaken is worth nothing.
            if *pilot.get_or_insert(from) == from && input > newest {
                (newest, steer, states_owed) = (input, value.min(2), states_owed + 1);
            }
        }
        for _ in 0..ticker.steps_due(Instant::now()) {
            (tick, x) = (tick + 1, (x + steer).saturating_sub(1).min(WIDTH));
            // One state for one input, and as long as it: nobody can aim this at somebody else.
            if let Some(pilot) = pilot.filter(|_| states_owed > 0) {
                states_owed -= 1;
                let _ = endpoint.send(pilot, &encode(tick, x)); // full queue? a newer one follows
            }
        }
        if let Err(error) = endpoint.flush() {
            eprintln!("a state was refused: {error}"); // the game goes on
        }
    }
}

fn main() -> io::Result<()> {
    let server = Endpoint::bind((Ipv4Addr::LOCALHOST, 0).into())?;
    let address = server.local_addr();
    thread::spawn(move || serve(server).expect("the server's own socket works"));
    let mut endpoint = Endpoint::bind((Ipv4Addr::LOCALHOST, 0).into())?;
    let mut ticker = Ticker::hz(HZ);
    let (mut input, mut newest, mut drawn) = (0, 0, 0);
    while drawn < STATES && input < 10 * STATES {
        endpoint.wait_until(ticker.deadline())?;
        while let Some((from, tick, x)) = hear(&mut endpoint)? {
            if from == address && tick > newest {
                (newest, drawn) = (tick, drawn + 1);
                println!("tick {tick:>3} |{:>1$}", '@', usize::from(x) + 1);
            }
        }
        for _ in 0..ticker.steps_due(Instant::now()) {
            input += 1;
            let steer = if drawn < STATES * 2 / 3 { 2 } else { 0 };
            endpoint.send(address, &encode(input, steer))?; // leaves with the next wait
        }
    }
    println!("{drawn} states drawn");
    Ok(())
}
