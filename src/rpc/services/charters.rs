//! Charter versions: handed out, and taken in where they are already signed.

use std::sync::Arc;

use tonic::{Request, Response, Status};

use super::blocking;
use crate::rpc::errors::Told as _;
use crate::rpc::generated::charters_server::Charters;
use crate::rpc::plane::{PlaneError, PublicPlane};
use crate::rpc::status::status;
use crate::wire;

/// The service. It sees the public plane alone.
#[derive(Clone, Debug)]
pub(in crate::rpc) struct ChartersService {
    plane: Arc<PublicPlane>,
}

impl ChartersService {
    pub(in crate::rpc) const fn new(plane: Arc<PublicPlane>) -> Self {
        Self { plane }
    }
}

#[tonic::async_trait]
impl Charters for ChartersService {
    async fn get(
        &self,
        request: Request<wire::GetCharterRequest>,
    ) -> Result<Response<wire::GetCharterResponse>, Status> {
        let version = request.into_inner().version;
        let chain = self.plane.chain().ok_or_else(|| PlaneError::NoCharter.told())?;
        let found = match version {
            0 => chain.versions().last(),
            version => chain.version(version),
        };
        let note = found.ok_or_else(|| {
            status("not_found", format!("there is no charter version {version}"), "")
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
        let (plane, notes) = (Arc::clone(&self.plane), request.into_inner().notes);
        blocking(move || {
            let charter = plane.submit(&notes).map_err(|error| error.told())?;
            Ok(wire::SubmitCharterResponse {
                charter: Some(charter),
            })
        })
        .await
    }
}
