//! A chat in a terminal: lines are reliable and ordered, "is typing" is sequenced.
//!
//! `chat serve [ADDRESS]` listens until its standard input is closed, `chat ADDRESS NAME` connects.
//! After `stty -icanon` the terminal passes every key, and the other clients show "is typing".

use std::collections::{HashMap, HashSet};
use std::process::ExitCode;
use std::{env, error::Error, io, io::Read, net::SocketAddr, sync::mpsc, thread};

use tickwire::{Config, ConnectOptions, Delivery, Event, Host, PeerId, SendError, Waker};

const CHAT: u64 = 3; // protocol and version: client and server must agree
const SAID: Delivery = Delivery::Ordered(0);
const TYPING: Delivery = Delivery::Sequenced(0);
const NAME_TAKEN: u32 = 1; // disconnect codes of the server
const TOO_SLOW: u32 = 2;
const LINE_MAX: usize = 500; // in bytes; a longer line is sent in several messages
type Names = HashMap<PeerId, String>;

/// Removes control characters, so that text from a peer cannot control the terminal.
fn clean(text: &[u8]) -> String {
    String::from_utf8_lossy(text).replace(char::is_control, "")
}

/// Reads standard input on its own thread and wakes the loop. An empty chunk ends the input.
fn keyboard(waker: Waker) -> mpsc::Receiver<Vec<u8>> {
    let (sender, keys) = mpsc::sync_channel(16);
    thread::spawn(move || {
        let (mut buffer, mut len) = ([0; LINE_MAX], LINE_MAX);
        while len > 0 {
            len = io::stdin().read(&mut buffer).unwrap_or(0);
            let _ = sender.send(buffer[..len].to_vec()); // fails after the loop has ended
            waker.wake().expect("the system wakes its own process");
        }
    });
    keys
}

fn serve(address: SocketAddr) -> Result<(), Box<dyn Error>> {
    let mut host = Host::bind(address, Config::noise(CHAT))?;
    println!("listening on {}", host.local_addr());
    let (keys, mut names) = (keyboard(host.waker()?), Names::new());
    while keys.try_iter().all(|keys| !keys.is_empty()) {
        host.wait(None)?; // sends what the last turn queued, then sleeps
        while let Some(event) = host.next_event() {
            #[rustfmt::skip]
            let Some((delivery, text)) = news(&mut host, &mut names, &event) else { continue };
            for other in names.keys().filter(|other| **other != event.peer()) {
                if host.send(*other, delivery, text.as_bytes()) == Err(SendError::QueueFull) {
                    host.disconnect(*other, TOO_SLOW); // a line would be missing otherwise
                }
            }
        }
    }
    Ok(host.close(0)?)
}

/// The message to the other clients that an event causes, and its delivery.
fn news(host: &mut Host, names: &mut Names, event: &Event) -> Option<(Delivery, String)> {
    let peer = event.peer();
    match event {
        Event::Connected { payload, .. } => {
            let name = clean(payload).replace(':', "");
            if names.values().any(|taken| *taken == name) {
                host.disconnect(peer, NAME_TAKEN);
                return None;
            }
            names.insert(peer, name.clone());
            Some((SAID, format!("{name} is here")))
        }
        Event::Disconnected { .. } => Some((SAID, format!("{} has left", names.remove(&peer)?))),
        #[rustfmt::skip]
        Event::Message { delivery, bytes, .. } => {
            Some((*delivery, format!("{}: {}", names.get(&peer)?, clean(bytes))))
        },
        _ => None,
    }
}

fn talk(address: SocketAddr, name: &str) -> Result<(), Box<dyn Error>> {
    let mut config = Config::noise(CHAT);
    config.accept_incoming = false; // a client accepts no connections
    let any = ["[::]:0", "0.0.0.0:0"][usize::from(address.is_ipv4())];
    let mut host = Host::bind(any.parse()?, config)?;
    let options = ConnectOptions::with_payload(name).trust_unpinned(); // the payload is no secret
    let (server, keys) = (host.connect(address, &options)?, keyboard(host.waker()?));
    let (mut draft, mut is_open, mut typing) = (Vec::new(), true, HashSet::new());
    loop {
        host.wait(None)?;
        while let Some(event) = host.next_event() {
            match event {
                Event::Connected { address, .. } => println!("connected to {address}"),
                Event::Disconnected { reason, .. } => return Err(reason.into()),
                #[rustfmt::skip]
                Event::Message { delivery, bytes, .. } => show(delivery, &clean(&bytes), &mut typing),
                _ => {}
            }
        }
        // Backpressure: reads input only while few messages are queued. The rest stays in the pipe.
        let queued = |host: &Host| Some(host.peer_stats(server)?.queued_messages);
        while queued(&host).is_some_and(|count| count < 100) && say(&mut host, server, &mut draft) {
            let Ok(more) = keys.try_recv() else { break };
            is_open = !more.is_empty();
            draft.extend(more);
            // Sequenced: the next key replaces a lost state, and an older state is dropped.
            let state = ["(is typing)", ""][usize::from(draft.ends_with(b"\n"))];
            let _ = host.send(server, TYPING, state.as_bytes());
        }
        // `close` drops queued messages, so it waits until all are acknowledged.
        if !is_open && queued(&host) == Some(0) {
            return Ok(host.close(0)?);
        }
    }
}

/// Sends the complete lines of the draft. `false` if the send queue is full.
fn say(host: &mut Host, server: PeerId, draft: &mut Vec<u8>) -> bool {
    while draft.len() > LINE_MAX || draft.contains(&b'\n') {
        let end = draft.iter().position(|byte| *byte == b'\n');
        let line = &draft[..end.unwrap_or(LINE_MAX)];
        if host.send(server, SAID, line).is_err() {
            return false; // retried after acknowledgements
        }
        draft.drain(..end.map_or(LINE_MAX, |end| end + 1));
    }
    true
}

fn show(delivery: Delivery, text: &str, typing: &mut HashSet<String>) {
    let (name, state) = text.split_once(": ").unwrap_or((text, ""));
    let is_typing = delivery == TYPING && !state.is_empty();
    typing.retain(|other| is_typing || other != name);
    if delivery == SAID || is_typing && typing.insert(name.to_owned()) {
        println!("{text}"); // "ann: hello", or once "ann: (is typing)"
    }
}

fn run() -> Result<(), Box<dyn Error>> {
    let mut arguments = env::args().skip(1);
    let (first, second) = (arguments.next().unwrap_or_default(), arguments.next());
    if first == "serve" {
        return serve(second.unwrap_or("127.0.0.1:0".into()).parse()?);
    }
    let name = second.ok_or("usage: chat serve [ADDRESS], or chat ADDRESS NAME")?;
    talk(first.parse()?, &name)
}

fn main() -> ExitCode {
    if let Err(error) = run() {
        eprintln!("chat: {error}");
        return ExitCode::FAILURE;
    }
    ExitCode::SUCCESS
}
