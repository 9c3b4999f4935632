//! Proof of decisions: bundles for auditors, and the log gone through again.

use std::pin::Pin;

use interlock_engine::charter::Charter;
use interlock_engine::proof::{Difference, ExportError, Wanted, export, recompute};
use interlock_record::SubjectTag;
use interlock_wire::v1::proof_server::Proof;
use interlock_wire::{Violations, refusal, v1};
use tokio_stream::Stream;
use tonic::{Code, Request as Call, Response, Status};

use super::{Services, blocking, requests};
use crate::clock::now;

/// How much of a file goes into one message.
const CHUNK_BYTES: usize = 64 * 1024;
/// How often a bundle is tried while the writer changes what it is made from.
const MAX_ATTEMPTS: u32 = 3;

type Answer<T> = Result<Response<T>, Status>;

#[tonic::async_trait]
impl Proof for Services {
    type ExportDecisionStream =
        Pin<Box<dyn Stream<Item = Result<v1::ExportDecisionResponse, Status>> + Send>>;

    async fn export_decision(
        &self,
        call: Call<v1::ExportDecisionRequest>,
    ) -> Answer<Self::ExportDecisionStream> {
        let mut request = call.into_inner();
        let mut violations = Violations::default();
        let subject = requests::subject(
            self.pepper(&request.subject)?,
            "subject",
            request.subject.as_mut(),
            &mut violations,
        );
        let (subject, _) = violations.finish(subject).map_err(|e| *e)?;
        let this = self.clone();
        let made = blocking(move || match this.bundle(subject, request.event) {
            Err(ExportError::Ledger(fault)) => Err(fault),
            made => Ok(made),
        });
        let file = made.await?.map_err(|error| refused(&error))?;
        let chunks: Vec<_> = file
            .chunks(CHUNK_BYTES)
            .map(|chunk| Ok(v1::ExportDecisionResponse { chunk: chunk.to_vec() }))
            .collect();
        Ok(Response::new(Box::pin(tokio_stream::iter(chunks))))
    }

    async fn replay_log(&self, _: Call<v1::ReplayLogRequest>) -> Answer<v1::ReplayLogResponse> {
        let store = self.store.clone();
        let first = Charter::clone(&self.charters.now().chain()[0]);
        let again = blocking(move || recompute(&store, first, now())).await?;
        Ok(Response::new(v1::ReplayLogResponse {
            records: again.records,
            subjects: again.subjects,
            differ: again.differ,
            differences: again.differences.iter().map(difference).collect(),
        }))
    }
}

fn difference(difference: &Difference) -> v1::Difference {
    let subject = difference.subject().map_or_else(Vec::new, |subject| subject.0.to_vec());
    v1::Difference { subject, detail: difference.to_string() }
}

impl Services {
    fn bundle(&self, subject: SubjectTag, event: u64) -> Result<Vec<u8>, ExportError> {
        let mut attempt = 1;
        loop {
            let wanted = if event == 0 { Wanted::AsOf(now()) } else { Wanted::Entry(event) };
            match export(&self.store, &self.charters.now(), subject, wanted) {
                Err(ExportError::Unprovable(_)) if attempt < MAX_ATTEMPTS => attempt += 1,
                made => return made,
            }
        }
    }
}

fn refused(error: &ExportError) -> Status {
    let (code, reason) = match error {
        ExportError::Ledger(_) => (Code::Internal, "STORE_FAILED"),
        ExportError::NothingKnown => (Code::NotFound, "NOTHING_KNOWN"),
        ExportError::NoSuchEntry { .. } => (Code::NotFound, "NO_SUCH_ENTRY"),
        ExportError::OwnDecision { .. } => (Code::FailedPrecondition, "OWN_DECISION"),
        ExportError::NotNoted { .. } => (Code::FailedPrecondition, "NOT_NOTED"),
        ExportError::JournalCut { .. } => (Code::FailedPrecondition, "JOURNAL_CUT"),
        ExportError::LineExchanged { .. } => (Code::FailedPrecondition, "LINE_EXCHANGED"),
        ExportError::Unprovable(_) => (Code::FailedPrecondition, "UNPROVABLE"),
    };
    refusal(code, reason, error)
}
