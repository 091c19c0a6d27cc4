//! Keeping a node's data: backups, and looking for damage.

use std::io::{self, Write};
use std::sync::{Arc, PoisonError};

use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use tonic::{Request, Response, Status};
use zeroize::Zeroizing;

use super::admin::PeerBook;
use super::blocking;
use super::office::Office;
use crate::rpc::errors::Told as _;
use crate::rpc::generated::upkeep_server::Upkeep;
use crate::rpc::status::status;
use crate::store::backup::{BackupError, Moment, Planes, Recipients, Source, Taken};
use crate::wire::{self, backup_response};

/// Pieces on their way to whoever asked.
const BETWEEN: usize = 2;

/// The service.
#[derive(Clone, Debug)]
pub(in crate::rpc) struct UpkeepService {
    office: Arc<Office>,
    peers: Arc<dyn PeerBook>,
}

impl UpkeepService {
    pub(in crate::rpc) fn new(office: Arc<Office>, peers: Arc<dyn PeerBook>) -> Self {
        Self { office, peers }
    }
}

type Pieces = ReceiverStream<Result<wire::BackupResponse, Status>>;

#[tonic::async_trait]
impl Upkeep for UpkeepService {
    type BackupStream = Pieces;

    async fn backup(
        &self,
        request: Request<wire::BackupRequest>,
    ) -> Result<Response<Pieces>, Status> {
        let request = request.into_inner();
        let (to, stream) = mpsc::channel(BETWEEN);
        let office = Arc::clone(&self.office);
        tokio::task::spawn_blocking(move || {
            let passphrase = Zeroizing::new(request.passphrase);
            let taken = office
                .recipients(&request.recipients, &passphrase)
                .and_then(|recipients| {
                    let planes = office.planes(&request.plane)?;
                    let pieces = Sending { to: to.clone() };
                    office.back_up(planes, &recipients, pieces)
                });
            let last = taken.map(|taken| wire::BackupResponse {
                part: Some(backup_response::Part::Done(done(taken))),
            });
            // Where nobody listens any more, nobody need be told.
            let _ = to.blocking_send(last);
        });
        Ok(Response::new(ReceiverStream::new(stream)))
    }

    async fn doctor(
        &self,
        request: Request<wire::DoctorRequest>,
    ) -> Result<Response<wire::DoctorResponse>, Status> {
        let asked = request.into_inner();
        let (troubles, mend) = (self.peers.problems(), asked.mend);
        let office = Arc::clone(&self.office);
        let looked = blocking(move || Ok(office.doctor(asked, troubles))).await?;
        if mend {
            self.peers.nudge();
        }
        Ok(looked)
    }
}

fn done(taken: Taken) -> wire::BackupDone {
    let planes = [
        ("public", taken.manifest.public),
        ("private", taken.manifest.private),
    ];
    let planes = planes.into_iter().filter(|(_, is_in)| *is_in);
    wire::BackupDone {
        tree_size: taken.tree_size,
        root_hash: taken.root_hash.unwrap_or_default(),
        leaves: taken.leaves,
        rows: taken.rows,
        planes: planes.map(|(name, _)| name.to_owned()).collect(),
    }
}

/// Hands what is written to whoever asked; slow readers slow the writing down.
struct Sending {
    to: mpsc::Sender<Result<wire::BackupResponse, Status>>,
}

impl Write for Sending {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let part = Some(backup_response::Part::Data(bytes.to_vec()));
        let sent = self.to.blocking_send(Ok(wire::BackupResponse { part }));
        sent.map_err(|_| io::Error::from(io::ErrorKind::BrokenPipe))?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Office {
    /// Reads whom a backup is sealed for: recipients, or else the node's own passphrase, which is
    /// checked first, so that nothing is sealed under a slip of the finger.
    ///
    /// # Errors
    /// When a recipient is none, or the passphrase is not the node's.
    pub fn recipients(&self, given: &[String], passphrase: &str) -> Result<Recipients, Status> {
        if !given.is_empty() {
            return Recipients::keys(given).map_err(|error| error.told());
        }
        if passphrase.is_empty() {
            return Err(status(
                "passphrase",
                "a backup is sealed for recipients or under the passphrase, and neither was given",
                "name recipients with --to, or give the passphrase",
            ));
        }
        self.check_memory()?;
        // A relay has no passphrase to compare with.
        self.private
            .check(passphrase.as_bytes())
            .map_err(|error| error.told())?;
        Ok(Recipients::passphrase(passphrase))
    }

    /// Reads which planes are meant: nothing said means all there are.
    ///
    /// # Errors
    /// When there is no such plane.
    pub fn planes(&self, given: &str) -> Result<Planes, Status> {
        match (given, self.public.me.relay) {
            ("public", _) | ("" | "both", true) => Ok(Planes::Public),
            ("private", false) => Ok(Planes::Private),
            ("" | "both", false) => Ok(Planes::Both),
            ("private", true) => Err(crate::release::PlaneError::Relay.told()),
            (other, _) => Err(super::invalid(format!("there is no plane {other}"))),
        }
    }

    /// Writes a backup. What is let out meanwhile waits for the first short part of it.
    ///
    /// # Errors
    /// When the private plane is meant and locked, or something cannot be read or written.
    pub fn back_up(
        &self,
        planes: Planes,
        to: &Recipients,
        out: impl Write,
    ) -> Result<Taken, Status> {
        let opened = match planes.private() {
            true => Some(self.opened()?),
            false => None,
        };
        let charter = self.public.charter().ok();
        let own_log = charter.filter(|_| !self.public.me.relay);
        let own_log = own_log.map(|charter| charter.origin(&self.public.me.id));
        let public = planes.public().then_some(&*self.public.store);
        let source = Source {
            dir: self.private.dir().path(),
            public,
            private: opened.as_ref().map(|opened| &opened.store),
            member: self.public.me.id.as_str(),
            own_log: own_log.as_deref(),
            date: self.public.clock.today().to_string(),
        };
        let moment = {
            let turn = opened.as_ref().map(|opened| &opened.turn);
            let _turn = turn.map(|turn| turn.lock().unwrap_or_else(PoisonError::into_inner));
            Moment::take(&source)
        };
        let taken = moment.and_then(|moment| moment.write(public, to, out));
        taken.map_err(|error: BackupError| error.told())
    }
}
