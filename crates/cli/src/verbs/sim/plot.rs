//! `interlock sim plot`: pictures of results.

use std::fmt;
use std::fs::{self, File};
use std::io::BufReader;
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use clap::Args;
use interlock_sim::cascade::output::read_rows;
use interlock_sim::plot::{self, PlotError, Point, frontier, lags, locks_over_time, phase};
use serde::Serialize;

use super::directory::{DAILY, LAGS, ROWS};
use super::sweep::column;
use crate::exit::{Exit, Failure};
use crate::output::Output;

/// Draw what results show, as SVG beside them: locks over time and lags of a run, phase diagram and
/// frontier of a sweep.
#[derive(Debug, Args)]
#[command(after_help = "\
Example:
  interlock sim run herding --reps 20 --out herding && interlock sim plot herding
  interlock sim plot sweep --column persons_locked_elsewhere")]
pub(crate) struct Plot {
    /// A directory that `sim run --out` or `sim sweep --out` wrote.
    #[arg(value_name = "DIR")]
    directory: PathBuf,
    /// What the phase diagram shows.
    #[arg(long, value_name = "COLUMN", default_value = "wrongful_share_mean", value_parser = column)]
    column: String,
    /// What is good, for the frontier.
    #[arg(long, value_name = "COLUMN", default_value = "contained", value_parser = column)]
    contained: String,
    /// What is bad, for the frontier.
    #[arg(long, value_name = "COLUMN", default_value = "wrongful_lock_days", value_parser = column)]
    wrongful: String,
}

/// What was drawn.
#[derive(Debug, Default, Serialize)]
struct Drawn {
    written: Vec<String>,
    left_out: Vec<String>,
}

impl fmt::Display for Drawn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let written = self.written.iter().map(|path| format!("wrote {path}"));
        let left_out = self.left_out.iter().map(|why| format!("left out {why}"));
        f.write_str(&written.chain(left_out).collect::<Vec<_>>().join("\n"))
    }
}

impl Plot {
    pub(super) fn run(self, output: &mut Output) -> anyhow::Result<Exit> {
        let mut drawn = Drawn::default();
        let rows = self.directory.join(ROWS);
        let file = File::open(&rows).map_err(|error| {
            Failure::bad_input(format!("cannot read {}: {error}", rows.display()))
        })?;
        let rows = read_rows(BufReader::new(file))
            .map_err(|error| Failure::bad_input(format!("{}: {error}", rows.display())))?;
        let points = plot::points(&rows);
        for (data, picture, draw) in [
            (
                DAILY,
                "locks-over-time.svg",
                locks_over_time as fn(&str) -> Result<String, PlotError>,
            ),
            (LAGS, "lags.svg", lags),
        ] {
            let path = self.directory.join(data);
            if path.exists() {
                let text = fs::read_to_string(&path)
                    .with_context(|| format!("cannot read {}", path.display()))?;
                self.picture(picture, draw(&text), &mut drawn)?;
            }
        }
        if points.len() > 1 {
            self.sweep(&points, &mut drawn)?;
        }
        output.result(&drawn)?;
        Ok(Exit::Done)
    }

    fn sweep(&self, points: &[Point], drawn: &mut Drawn) -> anyhow::Result<()> {
        self.picture("phase.svg", phase(points, &self.column), drawn)?;
        let svg = frontier(points, &self.contained, &self.wrongful);
        self.picture("frontier.svg", svg, drawn)
    }

    fn picture(
        &self,
        name: &str,
        svg: Result<String, PlotError>,
        drawn: &mut Drawn,
    ) -> anyhow::Result<()> {
        let path: &Path = &self.directory.join(name);
        match svg {
            Ok(svg) => {
                fs::write(path, svg).with_context(|| format!("cannot write {}", path.display()))?;
                drawn.written.push(path.display().to_string());
            }
            Err(PlotError::Nothing(why)) => drawn.left_out.push(format!("{name}: {why}")),
            Err(error) => return Err(Failure::bad_input(format!("{name}: {error}")).into()),
        }
        Ok(())
    }
}
