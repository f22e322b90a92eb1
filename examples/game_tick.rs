//! A 60 Hz game: the server steps the world; the client steers a ship and draws the states.
//! `cargo run --example game_tick` draws 60 states, with both sides in one process.

use std::{error::Error, io, mem, net::Ipv4Addr, process::ExitCode, thread, time::Instant};

use tickwire::{Config, ConnectOptions, Delivery, Event, Host, Ticker};

const GAME: u64 = 1; // game and version: client and server must agree
const STATES: u32 = 60;
const WIDTH: u8 = 40;
const NEWEST: Delivery = Delivery::Sequenced(0); // inputs, states: the next replaces a lost one
const HAPPENED: Delivery = Delivery::Ordered(0); // sent once: must arrive

/// A tick number and a byte: the position, or an input (0 left, 1 stay, 2 right).
fn encode(number: u32, value: u8) -> [u8; 5] {
    let [a, b, c, d] = number.to_be_bytes();
    [a, b, c, d, value]
}

fn decode(message: &[u8]) -> (u32, u8) {
    let [a, b, c, d, value] = message.try_into().unwrap_or_default();
    (u32::from_be_bytes([a, b, c, d]), value)
}

/// One turn. Keeps the newest input or state. `false` after a disconnect.
fn turn(host: &mut Host, until: Instant, newest: &mut (u32, u8)) -> io::Result<bool> {
    host.wait_until(until)?; // sends what is queued, and sleeps until a datagram or the tick
    while let Some(event) = host.next_event() {
        match event {
            #[rustfmt::skip]
            Event::Message { delivery: NEWEST, bytes, .. } => *newest = decode(&bytes),
            Event::Message { bytes, .. } => println!("turned at {}", decode(&bytes).0),
            Event::Disconnected { .. } => return Ok(false),
            _ => {}
        }
    }
    Ok(true)
}

fn serve(mut host: Host) -> io::Result<()> {
    let (mut ticker, mut tick, mut x, mut steer, mut input) = (Ticker::hz(60), 0, 0_u8, 1, (0, 1));
    while turn(&mut host, ticker.deadline(), &mut input)? {
        for _ in 0..ticker.steps_due(Instant::now()) {
            (tick, x) = (tick + 1, (x + input.1.min(2)).saturating_sub(1).min(WIDTH));
            host.broadcast(NEWEST, &encode(tick, x))?;
            if mem::replace(&mut steer, input.1) != input.1 {
                host.broadcast(HAPPENED, &encode(tick, steer))?;
            }
        }
    }
    Ok(())
}

fn play() -> Result<(), Box<dyn Error>> {
    let server = Host::bind((Ipv4Addr::LOCALHOST, 0).into(), Config::noise(GAME))?;
    let config = Config {
        accept_incoming: false, // a client accepts no connections
        ..Config::noise(GAME)
    };
    let mut host = Host::bind((Ipv4Addr::LOCALHOST, 0).into(), config)?;
    let mut options = ConnectOptions::default();
    options.server_key = server.public_key(); // authenticates the server
    let peer = host.connect(server.local_addr(), &options)?;
    let server = thread::spawn(move || serve(server));
    let (mut ticker, mut input, mut state, mut last, mut drawn) = (Ticker::hz(60), 0, (0, 0), 0, 0);
    while drawn < STATES && turn(&mut host, ticker.deadline(), &mut state)? {
        if state.0 > last {
            (last, drawn) = (state.0, drawn + 1);
            println!("tick {last:>3} |{:>1$}", '@', usize::from(state.1) + 1);
        }
        for _ in 0..ticker.steps_due(Instant::now()) {
            input += 1;
            let steer = if drawn < STATES * 2 / 3 { 2 } else { 0 };
            let _ = host.send(peer, NEWEST, &encode(input, steer)); // fails until connected
        }
    }
    host.close(0)?; // disconnects, which ends `serve`
    server.join().expect("the server does not panic")?;
    println!("{drawn} states drawn");
    Ok(())
}

fn main() -> ExitCode {
    if let Err(error) = play() {
        eprintln!("game_tick: {error}");
        return ExitCode::FAILURE;
    }
    ExitCode::SUCCESS
}
