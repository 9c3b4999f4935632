//! `interlock issuers`: who the members are, and whether they are independent.

mod independence;
mod list;
mod seen;
mod witnesses;

use std::path::PathBuf;

use clap::Args;

use crate::client::NodeArgs;
use crate::exit::Exit;
use crate::output::Output;
use independence::IndependenceView;
use list::ListView;
use seen::Seen;

/// List the members with their groups and feeds; with --independence, look for those that copy.
///
/// --independence looks at every ordered pair of members: how often the one flagged a subject within
/// 30 days before the other did, and how often chance would have brought that about. It is advice, and
/// changes nothing: if a quorum finds that two members are not independent, it gives both the same
/// `group` in the next version of the charter, and they are one witness from then on. What it means, how
/// often it errs and what it cannot tell is in docs/independence.md.
///
/// With --events it looks at a file instead of asking a node: CSV, gzipped or not, with a header: time,
/// issuer, op (add, del or repay) and subject, and where known batch, how many the issuer changed at once.
#[derive(Debug, Args)]
#[command(after_help = "\
Example:
  interlock issuers --node unix:/run/interlock.sock
  interlock issuers --independence
  interlock issuers --independence --events events.csv.gz --witnesses 2,3 --group acme,bolt")]
pub(crate) struct Issuers {
    /// Look for members whose flags follow another's too faithfully to be independent.
    #[arg(long)]
    independence: bool,
    /// Show every pair, not only those of which there is something to say.
    #[arg(long, requires = "independence")]
    all: bool,
    /// Look at these events; - reads stdin. No node is asked.
    #[arg(long, value_name = "FILE.csv[.gz]", requires = "independence")]
    events: Option<PathBuf>,
    /// Tell how many subjects of the file are locked where a lock takes so many witnesses, and how many
    /// where members that are not independent count as one.
    #[arg(long, value_name = "N,N,...", value_delimiter = ',', requires = "events", value_parser = clap::value_parser!(u64).range(1..=100))]
    witnesses: Vec<u64>,
    /// Members to count as one there; may be repeated. Default: those that were found.
    #[arg(long = "group", value_name = "ID,ID,...", requires = "witnesses")]
    groups: Vec<String>,
    #[command(flatten)]
    node: NodeArgs,
}

impl Issuers {
    pub(crate) async fn run(self, output: &mut Output) -> anyhow::Result<Exit> {
        if let Some(path) = &self.events {
            let events = seen::read(path)?;
            let mut view = IndependenceView::of(&Seen::of_events(&events), self.all);
            if !self.witnesses.is_empty() {
                let groups = witnesses::groups(&self.groups, &view.groups)?;
                view.locks = Some(witnesses::count(&events, &self.witnesses, &groups)?);
            }
            output.result(&view)?;
            return Ok(Exit::Done);
        }
        let (seen, issuers) = Seen::of_node(&self.node.connect().await?).await?;
        if self.independence {
            output.result(&IndependenceView::of(&seen, self.all))?;
        } else {
            output.result(&ListView::of(&seen, issuers))?;
        }
        Ok(Exit::Done)
    }
}
