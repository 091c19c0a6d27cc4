//! The services of `proto/`, each a thin translation to the rooms below.
//!
//! - [`office`]: both planes of one node, for the local socket.
//! - `records`, `releases`, `approvals`, `vault`, `admin`: only on the local socket.
//! - `statuses`: a kind and period have no summary, and why.
//! - [`holds`]: a previewed draft leaves now, or once its time has come.
//! - [`upkeep`]: backups, and looking for damage; `doctor`: what is looked at.
//! - [`federation`], `reports`, `charters`: the public plane alone.

mod access;
mod admin;
mod approvals;
mod charters;
mod doctor;
pub mod federation;
pub mod holds;
pub mod office;
mod records;
mod releases;
mod reports;
mod retention;
mod statuses;
pub mod upkeep;
mod vault;

use std::sync::Arc;

pub use tonic::service::Routes;
use tonic::service::RoutesBuilder;
use tonic::{Response, Status};

pub use office::Office;
pub use records::record_template;

pub use admin::PeerBook;

use super::MESSAGE_LIMIT;
use super::client::LOCAL_MESSAGE_LIMIT;
use super::generated::admin_server::AdminServer;
use super::generated::approvals_server::ApprovalsServer;
use super::generated::charters_server::ChartersServer;
use super::generated::federation_server::FederationServer;
use super::generated::records_server::RecordsServer;
use super::generated::releases_server::ReleasesServer;
use super::generated::reports_server::ReportsServer;
use super::generated::upkeep_server::UpkeepServer;
use super::generated::vault_server::VaultServer;
use super::plane::PublicPlane;
use admin::AdminService;
use approvals::ApprovalsService;
use charters::ChartersService;
use federation::FederationService;
use records::RecordsService;
use releases::ReleasesService;
use reports::ReportsService;
use upkeep::UpkeepService;
use vault::VaultService;

/// The messages and services of `proto/`, for reflection on the local socket.
const DESCRIPTORS: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/descriptors.bin"));

/// Sets how long a message a service reads and writes may be.
macro_rules! limited {
    ($server:expr, $limit:expr) => {
        $server
            .max_decoding_message_size($limit)
            .max_encoding_message_size($limit)
    };
}

/// Returns what is served to commands of this node's own user.
pub fn local_routes(office: &Arc<Office>, peers: &Arc<dyn PeerBook>) -> Routes {
    let most = LOCAL_MESSAGE_LIMIT;
    let applied = {
        let (office, peers) = (Arc::clone(office), Arc::clone(peers));
        Arc::new(move || {
            if let Err(error) = office.renew_certificate() {
                tracing::info!(reason = error.message(), "no node certificate was issued");
            }
            peers.nudge();
        })
    };
    let records = RecordsServer::new(RecordsService::new(Arc::clone(office)));
    let releases = ReleasesService::new(Arc::clone(office), Arc::clone(peers));
    let approvals = ApprovalsServer::new(ApprovalsService::new(Arc::clone(office)));
    let admin = AdminService::new(Arc::clone(office), Arc::clone(peers));
    let charters = ChartersService::new(Arc::clone(&office.public), applied);
    let upkeep = UpkeepService::new(Arc::clone(office), Arc::clone(peers));
    let reports = ReportsServer::new(ReportsService::new(Arc::clone(&office.public)));
    let vault = VaultServer::new(VaultService::new(Arc::clone(office)));
    let reflection = tonic_reflection::server::Builder::configure()
        .register_encoded_file_descriptor_set(DESCRIPTORS)
        .build_v1();
    let mut routes = RoutesBuilder::default();
    routes
        .add_service(limited!(records, most))
        .add_service(limited!(ReleasesServer::new(releases), most))
        .add_service(limited!(approvals, most))
        .add_service(limited!(AdminServer::new(admin), most))
        .add_service(limited!(ChartersServer::new(charters), most))
        .add_service(limited!(reports, most))
        .add_service(limited!(UpkeepServer::new(upkeep), most))
        .add_service(limited!(vault, most))
        .add_service(health());
    if let Ok(reflection) = reflection {
        routes.add_service(reflection);
    }
    routes.routes()
}

/// Returns what is served on the listener for peers. It is made from the public plane alone.
pub fn peer_routes(plane: &Arc<PublicPlane>, nudge: Arc<dyn Fn() + Send + Sync>) -> RoutesBuilder {
    let charters = ChartersService::new(Arc::clone(plane), nudge);
    let reports = ReportsService::new(Arc::clone(plane));
    let mut routes = RoutesBuilder::default();
    routes
        .add_service(limited!(ChartersServer::new(charters), MESSAGE_LIMIT))
        .add_service(limited!(ReportsServer::new(reports), MESSAGE_LIMIT))
        .add_service(health());
    routes
}

/// Returns the service that peers sync through, for [`peer_routes`].
pub fn sync_service(
    node: &Arc<crate::federation::Federation>,
) -> FederationServer<FederationService> {
    let service = FederationService::new(Arc::clone(node));
    limited!(FederationServer::new(service), MESSAGE_LIMIT)
}

/// Answers that the process serves; whether the node is ready is `Admin.Health`'s to say.
fn health()
-> tonic_health::pb::health_server::HealthServer<impl tonic_health::pb::health_server::Health> {
    let (_, server) = tonic_health::server::health_reporter();
    server
}

/// Runs what reads or writes the disk, or computes for long, on a thread that may wait.
async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, Status> + Send + 'static,
) -> Result<Response<T>, Status> {
    // What is logged there belongs to the same call.
    let span = tracing::Span::current();
    match tokio::task::spawn_blocking(move || span.in_scope(work)).await {
        Ok(done) => done.map(Response::new),
        Err(panicked) => {
            tracing::error!(error = %panicked, "call failed");
            Err(Status::internal("the call failed; see the node's log"))
        }
    }
}

fn invalid(error: impl std::fmt::Display) -> Status {
    super::status::status(
        "invalid",
        error.to_string(),
        "nothing was changed; mend it and try again",
    )
}
