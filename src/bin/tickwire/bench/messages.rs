//! `tickwire bench messages`: how long messages take through a bad network, by delivery.

mod course;
mod virtual_run;

use std::time::Duration;

use tickwire::{Config, Delivery, LinkConditions, Loss};

use self::course::Course;
use super::table::Table;
use crate::failure::Failure;
use crate::output::Output;

/// Measures how long messages take through a bad network, by delivery
#[derive(Debug, clap::Args)]
pub(crate) struct Options {
    #[arg(long, value_delimiter = ',', default_value = "0,0.05,0.15,0.3")]
    loss: Vec<f64>,
    #[arg(long, default_value_t = 0.0)]
    burst: f64,
    #[arg(long, default_value_t = 2)]
    redundancy: u8,
    #[arg(long, default_value_t = 20)]
    seeds: u64,
}

pub(crate) fn run(options: &Options) -> Result<(), Failure> {
    let mut output = Output::new();
    let mut table = Table::new([
        "loss",
        "p50",
        "p90",
        "p99",
        "max",
        "delivered",
        "ooo",
        "dup",
        "kbit/s",
        "pkts",
        "copies",
        "useful",
        "retr",
    ]);
    for probability in &options.loss {
        let conditions = LinkConditions {
            latency: Duration::from_millis(40),
            jitter: Duration::from_millis(10),
            loss: if options.burst > 0.0 {
                Loss::Bursts {
                    probability: *probability,
                    mean_length: options.burst,
                }
            } else {
                Loss::Independent {
                    probability: *probability,
                }
            },
            ..LinkConditions::default()
        };
        let course = Course {
            delivery: Delivery::Ordered(0),
            conditions,
            redundancy: options.redundancy,
            messages: 1200,
            size: 40,
            ticks_per_second: 60,
        };
        let mut all = course::Outcome::default();
        for seed in 0..options.seeds {
            let o = virtual_run::run(&course, &Config::plain(1), seed)?;
            all.latencies_ms.extend(o.latencies_ms);
            all.delivered += o.delivered;
            all.out_of_order += o.out_of_order;
            all.duplicates += o.duplicates;
            all.bytes += o.bytes;
            all.seconds += o.seconds;
            all.packets += o.packets;
            all.copies += o.copies;
            all.copies_useful += o.copies_useful;
            all.retransmitted += o.retransmitted;
        }
        all.latencies_ms.sort_by(f64::total_cmp);
        let p = |x| {
            all.percentile(x)
                .map_or(String::new(), |v| format!("{v:.0}"))
        };
        table.row([
            format!("{probability}"),
            p(50.0),
            p(90.0),
            p(99.0),
            p(100.0),
            all.delivered.to_string(),
            all.out_of_order.to_string(),
            all.duplicates.to_string(),
            format!("{:.1}", all.bytes as f64 * 8.0 / 1000.0 / all.seconds),
            all.packets.to_string(),
            all.copies.to_string(),
            all.copies_useful.to_string(),
            all.retransmitted.to_string(),
        ]);
    }
    output.line(table)?;
    output.flush()?;
    Ok(())
}
