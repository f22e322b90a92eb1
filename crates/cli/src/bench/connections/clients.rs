//! The program around a crowd: `tickwire bench clients`, which `bench connections` starts and talks to.
//!
//! It opens its sockets and says so, connects when it is told to, keeps the connections, and closes
//! them when it is told to or when nobody is left to tell it.

use std::io::{self, BufRead};
use std::net::SocketAddr;
use std::sync::mpsc::{Receiver, Sender, TryRecvError, channel};
use std::thread;

use mio::Waker;

use super::bare::BareCrowd;
use super::crowd::Crowd;
use super::report::{Order, Reasons, Report};
use crate::error::CliError;
use crate::output::Output;

/// Clients of `bench connections`, which starts this by itself
#[derive(Debug, clap::Args)]
pub(crate) struct Options {
    /// Where to connect
    address: SocketAddr,

    /// How many
    #[arg(value_parser = super::peers)]
    peers: usize,

    /// Without encryption
    #[arg(long)]
    plain: bool,

    /// Without a protocol
    #[arg(long, conflicts_with = "plain")]
    bare: bool,
}

/// Runs until it is told to close.
pub(crate) fn run(options: &Options) -> Result<(), CliError> {
    let mut output = Output::new();
    let result = if options.bare {
        speak(options, &mut output)
    } else {
        connect_and_keep(options, &mut output)
    };
    match result {
        Err(CliError::Runtime(why)) => say(&mut output, &Report::Failed { why }),
        result => result,
    }
}

fn connect_and_keep(options: &Options, output: &mut Output) -> Result<(), CliError> {
    let opened = Crowd::open(options.peers, !options.plain, options.address);
    let mut crowd = opened.map_err(CliError::cannot("open the sockets of the clients"))?;
    let Some(orders) = ready(crowd.waker(), output)? else {
        return Ok(());
    };
    let cannot = || CliError::cannot("drive the clients");
    while !crowd.is_settled() && is_wanted(&orders) {
        crowd.connect_some().map_err(cannot())?;
        crowd.turn().map_err(cannot())?;
    }
    let settled = Report::Settled {
        connected: crowd.connected(),
        refused: crowd.refused().clone(),
    };
    say(output, &settled)?;
    crowd.spread();
    while is_wanted(&orders) {
        crowd.turn().map_err(cannot())?;
    }
    crowd.say_goodbye().map_err(cannot())?;
    while !crowd.is_over() {
        crowd.turn().map_err(cannot())?;
    }
    let gone = crowd.gone().clone();
    say(output, &Report::Closed { gone })
}

/// Clients that have nothing to connect.
fn speak(options: &Options, output: &mut Output) -> Result<(), CliError> {
    let opened = BareCrowd::open(options.peers, options.address);
    let mut crowd = opened.map_err(CliError::cannot("open the sockets of the clients"))?;
    let Some(orders) = ready(crowd.waker(), output)? else {
        return Ok(());
    };
    crowd.begin();
    while is_wanted(&orders) {
        crowd
            .turn()
            .map_err(CliError::cannot("drive the clients"))?;
    }
    let gone = Reasons::new();
    say(output, &Report::Closed { gone })
}

/// Says that the sockets are open, and waits to be told to begin. `None`: nobody wants that any more.
fn ready(
    waker: io::Result<Waker>,
    output: &mut Output,
) -> Result<Option<Receiver<Order>>, CliError> {
    let orders = listen(waker.map_err(CliError::cannot("wait"))?);
    say(output, &Report::Ready)?;
    Ok((orders.recv() == Ok(Order::Connect)).then_some(orders))
}

fn say(output: &mut Output, report: &Report) -> Result<(), CliError> {
    let line =
        serde_json::to_string(report).map_err(|error| CliError::cannot("report")(error.into()))?;
    output.line(line)?;
    output.flush()
}

/// Whether nobody has told it to close.
fn is_wanted(orders: &Receiver<Order>) -> bool {
    orders.try_recv() == Err(TryRecvError::Empty)
}

/// Reads orders from standard input. Its end is one as well: whoever started this is gone.
fn listen(waker: Waker) -> Receiver<Order> {
    let (sender, orders) = channel();
    thread::spawn(move || {
        pass_on(&sender, &waker);
        drop(sender);
        // If that fails the next turn sees it, a keep-alive later.
        let _ = waker.wake();
    });
    orders
}

fn pass_on(sender: &Sender<Order>, waker: &Waker) {
    for line in io::stdin().lock().lines().map_while(Result::ok) {
        if sender.send(Order::of(&line)).is_err() {
            return;
        }
        let _ = waker.wake();
    }
}
