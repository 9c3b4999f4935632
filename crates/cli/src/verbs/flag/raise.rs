//! `interlock flag raise`.

use clap::Args;
use interlock_record::{Digest, IdType, Measure, Reason, Severity, StatementId, Time};
use interlock_wire::v1;

use crate::client::{Named, SubjectArgs, WriteArgs, id_bytes, platform};
use crate::exit::{Exit, Failure};
use crate::output::Output;
use crate::term::{self, term, wire};
use crate::view::timestamp;

/// Raise a flag against one or many borrowers: all are accepted, or none.
///
/// Prints the id of each flag, in the order of the subjects: identity numbers, phones, bank cards,
/// devices, tags. A later flag on the same borrower for the same reason replaces the earlier one.
#[derive(Debug, Args)]
#[command(after_help = "\
Example:
  interlock flag raise --phone 13800138000 --reason OVERDUE --severity HIGH \\
      --confidence 90 --applied-measure FREEZE --case-ref C-2041")]
pub(crate) struct Raise {
    #[command(flatten)]
    subjects: SubjectArgs,
    /// What kind of identifier a --tag was made from; required with one.
    #[arg(long, value_name = "TYPE", ignore_case = true, value_parser = term::<IdType>(), help_heading = "Subject")]
    id_type: Option<IdType>,
    /// Why.
    #[arg(long, ignore_case = true, value_parser = term::<Reason>())]
    reason: Reason,
    /// How grave it is.
    #[arg(long, ignore_case = true, value_parser = term::<Severity>())]
    severity: Severity,
    /// How sure this member is, in percent.
    #[arg(long, value_name = "1..100", value_parser = clap::value_parser!(u32).range(1..=100))]
    confidence: u32,
    /// What this member did itself.
    #[arg(long, value_name = "MEASURE", ignore_case = true, value_parser = term::<Measure>())]
    applied_measure: Measure,
    /// When the ground was observed. Default: now.
    #[arg(long, value_name = "TIME", value_parser = term::time)]
    observed_at: Option<Time>,
    /// When the flag ends by itself. Default: by the policy.
    #[arg(long, value_name = "TIME", value_parser = term::time)]
    expires_at: Option<Time>,
    /// SHA-256 of the evidence that this member keeps, 64 hexadecimal digits.
    #[arg(long, value_name = "HEX")]
    evidence_digest: Option<Digest>,
    /// The version of this member's rule that raised it.
    #[arg(long, value_name = "TEXT", default_value = "", hide_default_value = true)]
    rule_version: String,
    /// This member's case number. Never put an identifier of the borrower here.
    #[arg(long, value_name = "TEXT", default_value = "", hide_default_value = true)]
    case_ref: String,
    /// A flag that this one was derived from; may be repeated. Such a flag is no witness.
    #[arg(long, value_name = "FLAG")]
    derived_from: Vec<StatementId>,
    #[command(flatten)]
    write: WriteArgs,
}

impl Raise {
    pub(super) async fn run(self, output: &mut Output) -> anyhow::Result<Exit> {
        let subjects = self.subjects.some()?;
        if self.id_type.is_none() && subjects.iter().any(|named| named.id_type.is_none()) {
            return Err(
                Failure::usage("expected --id-type with --tag: a tag does not show it").into()
            );
        }
        let flags: Vec<v1::FlagDraft> =
            subjects.into_iter().map(|subject| self.draft(subject)).collect();
        let request = |idempotency_key| v1::RaiseFlagsRequest { flags, idempotency_key };
        self.write
            .publish(output, request, |channel, request| async move {
                platform(channel).raise_flags(request).await
            })
            .await
    }

    fn draft(&self, named: Named) -> v1::FlagDraft {
        v1::FlagDraft {
            subject: Some(named.subject),
            id_type: named.id_type.or(self.id_type).map_or(0, wire),
            reason: wire(self.reason),
            severity: wire(self.severity),
            confidence: self.confidence,
            applied_measure: wire(self.applied_measure),
            observed_at: self.observed_at.map(timestamp),
            expires_at: self.expires_at.map(timestamp),
            evidence_digest: self
                .evidence_digest
                .map(|digest| digest.as_bytes().to_vec())
                .unwrap_or_default(),
            rule_version: self.rule_version.clone(),
            case_ref: self.case_ref.clone(),
            derived_from: id_bytes(&self.derived_from),
        }
    }
}
