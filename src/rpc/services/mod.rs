//! The services of `proto/`, each a thin translation to the rooms below.
//!
//! - [`office`]: both planes of one node, for the local socket.
//! - `records`, `releases`, `admin`: only on the local socket.
//! - `reports`, `charters`, `federation`: the public plane alone.

mod access;
mod admin;
mod charters;
pub mod office;
mod records;
mod releases;
mod reports;

use tonic::{Response, Status};

pub use office::Office;

pub(super) use admin::AdminService;
pub(super) use charters::ChartersService;
pub(super) use records::RecordsService;
pub(super) use releases::ReleasesService;
pub(super) use reports::ReportsService;

/// Runs what reads or writes the disk, or computes for long, on a thread that may wait.
async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, Status> + Send + 'static,
) -> Result<Response<T>, Status> {
    match tokio::task::spawn_blocking(work).await {
        Ok(done) => done.map(Response::new),
        Err(panicked) => {
            tracing::error!(error = %panicked, "call failed");
            Err(Status::internal("the call failed; see the node's log"))
        }
    }
}

fn invalid(error: impl std::fmt::Display) -> Status {
    super::status::status("invalid", error.to_string(), "nothing was changed; mend it and try again")
}
