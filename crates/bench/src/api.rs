//! The platform's API, as benches use it.

use interlock_wire::v1::{self, subject::By};
use tonic::transport::{Channel, Endpoint};

/// A connection to a node.
pub(crate) async fn connect(address: &str) -> anyhow::Result<Channel> {
    Ok(Endpoint::from_shared(address.to_owned())?.connect().await?)
}

/// A name that no earlier run has used.
pub(crate) fn fresh_name() -> anyhow::Result<String> {
    let mut run = [0; 8];
    getrandom::fill(&mut run).map_err(std::io::Error::other)?;
    Ok(interlock_record::hex(&run))
}

/// A borrower by a device's id.
pub(crate) fn device(value: String) -> v1::Subject {
    let identifier = v1::RawIdentifier { id_type: v1::IdType::Device.into(), value };
    v1::Subject { by: Some(By::Identifier(identifier)) }
}

/// Asks for one flag that is enough for a decision by itself.
pub(crate) fn hard_flag(subject: v1::Subject) -> v1::RaiseFlagsRequest {
    let flag = v1::FlagDraft {
        subject: Some(subject),
        reason: v1::Reason::FraudSuspected.into(),
        severity: v1::Severity::High.into(),
        confidence: 100,
        applied_measure: v1::Measure::Lock.into(),
        ..v1::FlagDraft::default()
    };
    v1::RaiseFlagsRequest { flags: vec![flag], idempotency_key: String::new() }
}
