//! Puts subjects into the store of a node that does not run, through the node's own engine and
//! store, so that a bench finds a store as large as it wants.

use std::path::PathBuf;
use std::time::Instant;

use anyhow::{Context as _, bail};
use clap::Args;
use interlock_engine::replica::{Drafted, Effect, Input, Opening, Replica, Start};
use interlock_node::config::{Config, Materials};
use interlock_record::{ConsortiumId, Flag, IdType, Measure, Statement, normalise, tag};
use interlock_sim::chatter::hard_flag;
use interlock_store::Store;

/// How many flags a step publishes: one record's worth.
const FLAGS_A_STEP: u64 = 256;

/// Puts subjects into a store.
#[derive(Debug, Args)]
pub(crate) struct Fill {
    /// The node's configuration.
    #[arg(long, value_name = "FILE")]
    config: PathBuf,
    /// How many subjects, each with one flag.
    #[arg(long)]
    subjects: u64,
}

/// The identifier of a subject that `fill` makes up.
pub(crate) fn identifier(number: u64) -> String {
    format!("bench-device-{number}")
}

impl Fill {
    pub(crate) fn run(self) -> anyhow::Result<()> {
        let materials = Config::load(&self.config)?.materials()?;
        let Materials { config, first, later, feed, signer, peppers, .. } = materials;
        let pepper = peppers.of(first.pepper_epoch).context("expected the charter's pepper")?;
        std::fs::create_dir_all(&config.data)?;
        let store = Store::open(&config.data, [3; 8])?;
        store.bind(ConsortiumId(first.id().0))?;
        let start = Start::Forced { reason: "filled for a bench".to_owned() };
        let mut replica = Replica::open(&store, Opening { first, later, feed, signer, start })?;
        let begun = Instant::now();
        let mut done = 0;
        while done < self.subjects {
            let now = interlock_node::clock::now();
            let some = FLAGS_A_STEP.min(self.subjects - done);
            let statements = (done..done + some).map(|number| {
                let id = normalise(IdType::Device, &identifier(number))?;
                let flag = Flag {
                    id_type: IdType::Device,
                    confidence: 90,
                    applied_measure: Measure::Freeze,
                    ..hard_flag(tag(pepper, &id), now)
                };
                let salt = interlock_node::clock::random()?;
                Ok(Drafted { salt, statement: Statement::Flag(flag) })
            });
            let statements = statements.collect::<anyhow::Result<_>>()?;
            let input = Input::Publish { ticket: 1, statements, request: None };
            let step = replica.step(&store, now, vec![input])?;
            store.commit(&step.changes)?;
            for effect in step.effects {
                if let Effect::Published { result: Err(error), .. } = effect {
                    bail!("subject {done}: {error}");
                }
            }
            done += some;
        }
        eprintln!("{done} subjects in {:.1} s", begun.elapsed().as_secs_f64());
        Ok(())
    }
}
