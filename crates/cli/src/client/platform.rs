//! The services' generated clients with this program's limits.

use interlock_wire::v1::operator_client::OperatorClient;
use interlock_wire::v1::platform_client::PlatformClient;
use interlock_wire::v1::proof_client::ProofClient;
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

/// Proofs of decisions.
pub(crate) fn proof(channel: Channel) -> ProofClient<Channel> {
    ProofClient::new(channel).max_decoding_message_size(MAX_ANSWER_BYTES)
}
