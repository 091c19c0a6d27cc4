//! Questions over all members' summaries.

use std::sync::Arc;

use tonic::{Request, Response, Status};

use super::{blocking, invalid};
use crate::model::MemberId;
use crate::rpc::caller::Caller;
use crate::rpc::errors::Told as _;
use crate::rpc::generated::reports_server::Reports;
use crate::rpc::plane::PublicPlane;
use crate::wire;

/// The service. It sees the public plane alone.
#[derive(Clone, Debug)]
pub(in crate::rpc) struct ReportsService {
    plane: Arc<PublicPlane>,
}

impl ReportsService {
    pub(in crate::rpc) const fn new(plane: Arc<PublicPlane>) -> Self {
        Self { plane }
    }

    /// Returns in whose name a call is made: a certificate's member, or none on the own socket.
    fn reader<T>(request: &Request<T>) -> Result<Option<MemberId>, Status> {
        Ok(Caller::of(request)?.member().cloned())
    }
}

#[tonic::async_trait]
impl Reports for ReportsService {
    async fn query(
        &self,
        request: Request<wire::QueryRequest>,
    ) -> Result<Response<wire::QueryResponse>, Status> {
        let reader = Self::reader(&request)?;
        let (plane, query) = (Arc::clone(&self.plane), request.into_inner());
        blocking(move || plane.query(reader, &query).map_err(|error| error.told())).await
    }

    async fn coverage(
        &self,
        request: Request<wire::CoverageRequest>,
    ) -> Result<Response<wire::CoverageResponse>, Status> {
        let reader = Self::reader(&request)?;
        let (plane, asked) = (Arc::clone(&self.plane), request.into_inner());
        blocking(move || plane.coverage(reader, &asked).map_err(|error| error.told())).await
    }

    async fn story(
        &self,
        request: Request<wire::StoryRequest>,
    ) -> Result<Response<wire::StoryResponse>, Status> {
        let reader = Self::reader(&request)?;
        let (plane, asked) = (Arc::clone(&self.plane), request.into_inner());
        blocking(move || plane.story(reader, &asked).map_err(|error| error.told())).await
    }

    async fn prove(
        &self,
        request: Request<wire::ProveRequest>,
    ) -> Result<Response<wire::ProveResponse>, Status> {
        let reader = Self::reader(&request)?;
        let (plane, asked) = (Arc::clone(&self.plane), request.into_inner());
        blocking(move || {
            let member: MemberId = asked.member.parse().map_err(invalid)?;
            plane
                .prove(reader.as_ref(), &member, asked.leaf_index)
                .map_err(|error| error.told())
        })
        .await
    }
}
