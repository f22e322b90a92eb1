//! Everybody in turns: in each round every contestant serves clients of its own once.

use std::io;
use std::net::SocketAddr;
use std::sync::mpsc::channel;
use std::thread::{self, ScopedJoinHandle};

use tickwire::{Socket, SocketConfig};

use super::Settings;
use super::contestant::{Contestant, Floor, Tickwire, Who};
use super::crowd::Crowd;
use super::sample::Sample;
use super::schedule::Schedule;
use super::server::Server;
use crate::bench::LOOPBACK;
use crate::bench::polled;
use crate::bench::progress::Progress;
use crate::bench::turns::in_turns;
use crate::failure::Failure;

/// Runs all rounds; those of each contestant are in their order.
pub(super) fn run(settings: &Settings) -> Result<Vec<(Who, Sample)>, Failure> {
    let steps = settings.rounds as usize * Who::EVERYBODY.len();
    let progress = Progress::new(steps as u64);
    let mut rounds = Vec::with_capacity(steps);
    for number in 0..settings.rounds as usize {
        for who in in_turns(&Who::EVERYBODY, number) {
            let name = who.name();
            progress.next(format!(
                "round {} of {}: {name}",
                number + 1,
                settings.rounds
            ));
            let sample = round(who, settings)?;
            refuse_silence(&sample)?;
            rounds.push((who, sample));
            progress.step();
        }
    }
    Ok(rounds)
}

/// With a socket of its own, whose receive buffer is what the system is known to grant.
fn round(who: Who, settings: &Settings) -> Result<Sample, Failure> {
    let cannot = || Failure::cannot("open the server's socket");
    let buffer_bytes = settings.receive_buffer.granted_bytes();
    match who {
        Who::Floor => {
            let socket = polled::bind(buffer_bytes).map_err(cannot())?;
            let address = socket.local_addr().map_err(cannot())?;
            play(settings, address, |clients| Floor::enter(socket, clients))
        }
        Who::Tickwire => {
            let socket = open(buffer_bytes).map_err(cannot())?;
            let address = socket.local_addr();
            play(settings, address, |clients| {
                Tickwire::enter(socket, clients)
            })
        }
    }
}

fn open(buffer_bytes: usize) -> io::Result<Socket> {
    let config = SocketConfig {
        receive_buffer: Some(buffer_bytes),
        ..SocketConfig::default()
    };
    Ok(Socket::with_config(LOOPBACK, &config)?)
}

/// What a tick costs in which nothing arrives is no answer to anything. The clients send at least once.
fn refuse_silence(sample: &Sample) -> Result<(), Failure> {
    let losses = &sample.losses;
    if losses.inputs.received + losses.states.received > 0 {
        return Ok(());
    }
    Err(Failure::Refused(format!(
        "cannot measure: of {} inputs and {} states none arrived over loopback; a firewall may be in the way",
        losses.inputs.sent, losses.states.sent
    )))
}

/// Lets clients and server play against each other. Each knows of the other's end by a channel on which
/// nothing is ever said: whoever has ended, well or not, hangs up.
///
/// `enter` makes the contestant, on the thread on which it serves.
fn play<C: Contestant>(
    settings: &Settings,
    server: SocketAddr,
    enter: impl FnOnce(Vec<SocketAddr>) -> io::Result<C> + Send,
) -> Result<Sample, Failure> {
    let (crowd_line, crowd_end) = channel();
    let (server_line, server_end) = channel();
    let cannot = || Failure::cannot("open the clients' sockets");
    let crowd =
        Crowd::gather(settings.clients, server, settings.input, crowd_line).map_err(cannot())?;
    let addresses = crowd.addresses().map_err(cannot())?;

    let schedule = Schedule::soon(settings.hz, settings.ticks);
    let (served, played) = thread::scope(|scope| {
        let crowds = schedule.clone();
        let playing = scope.spawn(move || crowd.play(crowds, &server_end));
        let serving = scope.spawn(move || {
            let _hung_up_at_the_end = server_line;
            let contestant = enter(addresses)?;
            Server::new(contestant, settings.wake, settings.state, schedule)?.serve(&crowd_end)
        });
        (join(serving), join(playing))
    });
    let served = served.map_err(Failure::cannot("serve the clients"))?;
    Ok(Sample::of(settings, &served, &played))
}

fn join<T>(thread: ScopedJoinHandle<'_, T>) -> T {
    // A panic is a mistake in here, and goes on as what it is.
    thread
        .join()
        .unwrap_or_else(|panic| std::panic::resume_unwind(panic))
}

#[cfg(test)]
mod tests {
    use super::super::server::Wake;
    use super::super::single::Single;
    use super::*;

    const CLIENTS: usize = 70;

    /// What the threads of the server and of the clients ask for in a round.
    fn allocations<C: Contestant>(
        wake: Wake,
        ticks: u64,
        server: SocketAddr,
        enter: impl FnOnce(Vec<SocketAddr>) -> io::Result<C>,
    ) -> [u64; 2] {
        let (crowd_line, crowd_end) = channel();
        let (server_line, server_end) = channel();
        let crowd = Crowd::gather(CLIENTS, server, 32, crowd_line).unwrap();
        let contestant = enter(crowd.addresses().unwrap()).unwrap();
        let schedule = Schedule::soon(1000, ticks);
        let crowds = schedule.clone();
        let server = Server::new(contestant, wake, 200, schedule).unwrap();
        thread::scope(|scope| {
            let playing = scope.spawn(move || {
                let measured = allocation_counter::measure(|| {
                    crowd.play(crowds, &server_end);
                });
                measured.count_total
            });
            let measured = allocation_counter::measure(|| {
                server.serve(&crowd_end).unwrap();
            });
            drop(server_line);
            [measured.count_total, join(playing)]
        })
    }

    fn allocations_of_everybody(wake: Wake, ticks: u64) -> [[u64; 2]; 3] {
        let socket = || {
            let socket = polled::bind(1 << 20).unwrap();
            (socket.local_addr().unwrap(), socket)
        };
        let ((floors, floor), (singles, single)) = (socket(), socket());
        let socket = open(1 << 20).unwrap();
        let ours = socket.local_addr();
        [
            allocations(wake, ticks, floors, |clients| Floor::enter(floor, clients)),
            allocations(wake, ticks, singles, |clients| {
                Single::enter(single, clients)
            }),
            allocations(wake, ticks, ours, |clients| {
                Tickwire::enter(socket, clients)
            }),
        ]
    }

    /// What happens once in a thread, or did not happen in the shorter round.
    const ONCE: u64 = 8;

    #[test]
    fn no_tick_allocates_on_either_side() {
        for wake in [Wake::Arrival, Wake::Tick] {
            let few = allocations_of_everybody(wake, 1);
            let many = allocations_of_everybody(wake, 20);
            for (few, many) in few.as_flattened().iter().zip(many.as_flattened()) {
                assert!(*many <= few + ONCE, "{wake:?}: {few}, then {many}");
            }
        }
    }
}
