//! `tickwire man` and `tickwire completions`.

use std::fs;
use std::path::{Path, PathBuf};

use clap::Command;
use clap_complete::Shell;
use clap_mangen::Man;

use crate::error::CliError;
use crate::output::Output;

/// Lines of a long help that are section headings of its page.
const HEADINGS: [&str; 3] = ["Examples:", "Exit status:", "JSON:"];

/// Prints the manual page, or writes all pages into a directory
///
/// The directory gets a page per command: tickwire.1, tickwire-ping.1,
/// tickwire-bench-latency.1 and so on.
#[derive(Debug, clap::Args)]
#[command(
    verbatim_doc_comment,
    after_long_help = include_str!("help/man.txt")
)]
pub(crate) struct ManOptions {
    /// Writes a page per command into this directory
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
}

/// Prints the completions of a shell
#[derive(Debug, clap::Args)]
#[command(
    verbatim_doc_comment,
    after_long_help = include_str!("help/completions.txt")
)]
pub(crate) struct CompletionsOptions {
    /// Shell to print completions for
    shell: Shell,
}

pub(crate) fn run(options: &ManOptions, program: Command) -> Result<(), CliError> {
    let mut program = program.disable_help_subcommand(true);
    program.build();
    match &options.out {
        Some(directory) => write_pages(&program, directory),
        None => print(&page(&Man::new(program))),
    }
}

pub(crate) fn complete(options: &CompletionsOptions, mut program: Command) -> Result<(), CliError> {
    let mut script = Vec::new();
    clap_complete::generate(options.shell, &mut program, "tickwire", &mut script);
    print(&String::from_utf8_lossy(&script))
}

fn print(text: &str) -> Result<(), CliError> {
    let mut output = Output::text();
    output.line(text.trim_end())?;
    output.flush()
}

/// Writes the page of a command and those of its subcommands.
fn write_pages(command: &Command, directory: &Path) -> Result<(), CliError> {
    let man = Man::new(command.clone());
    let file = directory.join(man.get_filename());
    let cannot = format!("write {}", file.display());
    fs::write(file, page(&man)).map_err(CliError::cannot(&cannot))?;
    let mut commands = command.get_subcommands();
    commands.try_for_each(|command| write_pages(command, directory))
}

/// The page of a command, with what `clap_mangen` lacks: sections for the headings of the long
/// help, line ends in examples, and indented paragraphs of options.
fn page(man: &Man) -> String {
    let mut bytes = Vec::new();
    man.render(&mut bytes).expect("a Vec accepts all bytes");
    let file = man.get_filename();
    let title = format!(
        ".TH {:?} 1 \"\" \"tickwire {}\"",
        file.trim_end_matches(".1"),
        env!("CARGO_PKG_VERSION")
    );
    let mut page = String::new();
    let (mut is_verbatim, mut paragraph) = (false, ".PP");
    for line in String::from_utf8_lossy(&bytes).lines() {
        if line.starts_with("  ") != is_verbatim && !line.is_empty() {
            is_verbatim = !is_verbatim;
            page += if is_verbatim { ".nf\n" } else { ".fi\n" };
        }
        if line.starts_with(".TP") {
            paragraph = ".IP";
        } else if line.starts_with(".SH") {
            paragraph = ".PP";
        }
        let heading = HEADINGS
            .contains(&line)
            .then(|| line.trim_end_matches(':').to_uppercase());
        page += &match (line, heading) {
            (_, Some(heading)) => format!(".SH \"{heading}\""),
            (_, None) if line.starts_with(".TH") => title.clone(),
            (".SH EXTRA", _) => ".PP".to_owned(),
            ("" | ".PP", _) if !is_verbatim => paragraph.to_owned(),
            _ => line.to_owned(),
        };
        page.push('\n');
    }
    page.replace(".PP\n.SH", ".SH")
}
