//! The services' generated clients with this program's limits.

use interlock_wire::v1::backup_client::BackupClient;
use interlock_wire::v1::governance_client::GovernanceClient;
use interlock_wire::v1::operator_client::OperatorClient;
use interlock_wire::v1::platform_client::PlatformClient;
use interlock_wire::v1::proof_client::ProofClient;
use interlock_wire::v1::review_client::ReviewClient;
use tonic::transport::Channel;

use super::MAX_ANSWER_BYTES;

/// The platform's service.
pub(crate) fn platform(channel: Channel) -> PlatformClient<Channel> {
    PlatformClient::new(channel).max_decoding_message_size(MAX_ANSWER_BYTES)
}

/// The operator's service.
pub(crate) fn operator(channel: Channel) -> OperatorClient<Channel> {
    OperatorClient::new(channel).max_decoding_message_size(MAX_ANSWER_BYTES)
}

/// People's service.
pub(crate) fn review(channel: Channel) -> ReviewClient<Channel> {
    ReviewClient::new(channel).max_decoding_message_size(MAX_ANSWER_BYTES)
}

/// The service for backups.
pub(crate) fn backup(channel: Channel) -> BackupClient<Channel> {
    BackupClient::new(channel)
}

/// What members decide together.
pub(crate) fn governance(channel: Channel) -> GovernanceClient<Channel> {
    GovernanceClient::new(channel).max_decoding_message_size(MAX_ANSWER_BYTES)
}

/// Proofs of decisions.
pub(crate) fn proof(channel: Channel) -> ProofClient<Channel> {
    ProofClient::new(channel).max_decoding_message_size(MAX_ANSWER_BYTES)
}
