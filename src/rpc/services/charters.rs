//! Charter versions: handed out, and taken in where they are already signed.

use std::sync::Arc;

use tonic::{Request, Response, Status};

use super::blocking;
use crate::rpc::errors::Told as _;
use crate::rpc::generated::charters_server::Charters;
use crate::rpc::plane::{PlaneError, PublicPlane};
use crate::rpc::status::status;
use crate::wire;

/// What is done once a version was taken in.
pub(in crate::rpc) type Applied = Arc<dyn Fn() + Send + Sync>;

/// The service. It sees the public plane alone.
#[derive(Clone)]
pub(in crate::rpc) struct ChartersService {
    plane: Arc<PublicPlane>,
    applied: Applied,
}

impl std::fmt::Debug for ChartersService {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ChartersService")
            .field("plane", &self.plane)
            .finish_non_exhaustive()
    }
}

impl ChartersService {
    pub(in crate::rpc) fn new(plane: Arc<PublicPlane>, applied: Applied) -> Self {
        Self { plane, applied }
    }
}

#[tonic::async_trait]
impl Charters for ChartersService {
    async fn get(
        &self,
        request: Request<wire::GetCharterRequest>,
    ) -> Result<Response<wire::GetCharterResponse>, Status> {
        let version = request.into_inner().version;
        let chain = self
            .plane
            .chain()
            .ok_or_else(|| PlaneError::NoCharter.told())?;
        let found = match version {
            0 => chain.versions().last(),
            version => chain.version(version),
        };
        let note = found.ok_or_else(|| {
            status(
                "not_found",
                format!("there is no charter version {version}"),
                "",
            )
        })?;
        Ok(Response::new(wire::GetCharterResponse {
            version: note.charter().version(),
            note: note.to_string(),
        }))
    }

    async fn submit(
        &self,
        request: Request<wire::SubmitCharterRequest>,
    ) -> Result<Response<wire::SubmitCharterResponse>, Status> {
        let (plane, applied) = (Arc::clone(&self.plane), Arc::clone(&self.applied));
        let notes = request.into_inner().notes;
        blocking(move || {
            let charter = plane.submit(&notes).map_err(|error| error.told())?;
            applied();
            Ok(wire::SubmitCharterResponse {
                charter: Some(charter),
            })
        })
        .await
    }
}
