//! Measures the latency of reliable ordered messages under packet loss, with tickwire and other
//! libraries.
//!
//! `libraries` adapts each library to one trait. `run` drives a pair of endpoints through two
//! simulated links, `measure` repeats runs on virtual time, `real_time` in real time. `outcome`
//! computes percentiles, `report` and `chart` show them. `benches/README.md` states the method and
//! the results.
#![forbid(unsafe_code)]

mod chart;
mod condition;
mod libraries;
mod measure;
mod outcome;
mod real_time;
mod report;
mod run;

use std::error::Error;
use std::path::PathBuf;
use std::{fs, process};

use clap::{Parser, value_parser};
use serde::Serialize;
use tickwire_measure::machine::Machine;

use self::condition::Condition;
use self::libraries::Library;

const TICK_RATE: u32 = 60;

/// Measures the latency of reliable ordered messages under packet loss
///
/// A client sends a 40-byte message every tick at 60 Hz over 40 to 50 ms one-way delay. Latency
/// counts from the tick of sending to the tick of delivery at the server. Every library has its
/// default configuration and the same simulated link with the same seeds. All but uflow are
/// measured on virtual time; uflow reads the clock itself and is measured in real time.
#[derive(Debug, Parser, Serialize)]
#[command(name = "tickwire-compare", version, verbatim_doc_comment)]
struct Options {
    /// Messages per run, 1 to 100000
    #[arg(long, value_name = "N", default_value = "1200", value_parser = value_parser!(u32).range(1..=100_000))]
    messages: u32,

    /// Runs per library and condition, with the seeds 0, 1, 2 and so on, 1 to 100
    #[arg(long, visible_alias = "seeds", value_name = "N", default_value = "60",
          value_parser = value_parser!(u32).range(1..=100))]
    rounds: u32,

    /// Packet loss in both directions, 0% to 90%; "5%x3" loses 5% in bursts of three on average
    #[arg(
        long,
        value_name = "LOSS",
        value_delimiter = ',',
        default_value = "0%,5%,5%x3,15%"
    )]
    loss: Vec<Condition>,

    /// Draws the p99 of the first condition with packet loss into this file, as SVG
    #[arg(long, value_name = "FILE")]
    #[serde(skip)]
    svg_file: Option<PathBuf>,

    /// Writes all results into this file, as JSON
    #[arg(long, value_name = "FILE")]
    #[serde(skip)]
    json_file: Option<PathBuf>,
}

fn main() {
    if let Err(error) = compare(&Options::parse()) {
        eprintln!("tickwire-compare: {error}");
        process::exit(1);
    }
}

fn compare(options: &Options) -> Result<(), Box<dyn Error>> {
    let machine = Machine::current();
    let mut rows = Vec::new();
    for library in Library::ALL {
        eprintln!("measuring {}", library.name());
        rows.extend(measure::rows(library, options)?);
    }
    rows.sort_by_key(|row| options.loss.iter().position(|loss| *loss == row.condition));
    println!("{machine}\n\n{}", report::table(&rows));
    if let Some(path) = &options.json_file {
        let record =
            serde_json::json!({ "machine": machine, "settings": options, "results": rows });
        fs::write(path, format!("{record:#}\n"))?;
    }
    if let Some(path) = &options.svg_file {
        let lossy = options.loss.iter().find(|condition| condition.is_lossy());
        let shown =
            lossy.ok_or("--svg-file draws a condition with packet loss, but --loss has only 0%")?;
        fs::write(path, chart::draw(*shown, &rows, options))?;
    }
    Ok(())
}
