//! Both planes of one node, as the services on the local socket see them.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use tokio::sync::Notify;
use tonic::Status;

use crate::charter::policy::CodeList;
use crate::charter::{Card, Charter, Policy};
use crate::identity::{Host, SpiffeId, Usage, canon};
use crate::record::{CodeLists, MEMBERS};
use crate::release::draft::Terms;
use crate::release::hold::Holds;
use crate::release::keys::MemberKeys;
use crate::release::ledger::Ledger;
use crate::release::retention::Retention;
use crate::release::{Door, Opened, PrivatePlane, ReleaseError};
use crate::rpc::errors::Told as _;
use crate::rpc::memory::Memory;
use crate::rpc::own_cert::{self, NodeCertFile};
use crate::rpc::plane::PublicPlane;
use crate::rpc::status::status;
use crate::rpc::tls;
use crate::store::{CheckpointFile, Entropy, file};

/// Says whether this node may sign for its own log now; if not, why.
pub type MaySign = Box<dyn Fn() -> Result<(), String> + Send + Sync>;

/// Reads settings and certificate again, and says what came of it.
pub type Reload = Box<dyn Fn() -> crate::wire::ReloadResponse + Send + Sync>;

/// What troubles the node and only whoever watches it can tell: a message by code.
#[derive(Debug, Default)]
pub struct Troubles(Mutex<BTreeMap<&'static str, String>>);

impl Troubles {
    /// Notes a trouble, or that it is over.
    pub fn set(&self, code: &'static str, message: Option<String>) {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        match message {
            Some(message) => all.insert(code, message),
            None => all.remove(code),
        };
    }

    /// Returns all of them.
    pub fn all(&self) -> Vec<crate::wire::Problem> {
        let all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let problem = |(code, message): (&&str, &String)| crate::wire::Problem {
            code: (*code).to_owned(),
            message: message.clone(),
        };
        all.iter().map(problem).collect()
    }
}

/// Memory that unlocking takes for a moment, and a little: the vault's key is derived in 64 MiB.
const UNLOCKING: u64 = 66 << 20;

/// Both planes, and what stands beside them in the node's directory.
pub struct Office {
    /// The public plane.
    pub public: Arc<PublicPlane>,
    /// The private plane.
    pub private: Arc<PrivatePlane>,
    /// The last checkpoint, outside the databases.
    pub checkpoint: CheckpointFile,
    /// The member's card.
    pub card_file: PathBuf,
    /// The node's certificate.
    pub cert_file: NodeCertFile,
    /// Where this node may be dialled, as its card says it.
    pub advertise: Option<String>,
    /// Where randomness comes from.
    pub entropy: Entropy,
    /// Whether the own log may grow.
    pub may_sign: MaySign,
    /// Persons a draft needs before it leaves, the one who publishes it included.
    pub approvals: u32,
    /// Told when drafts were held or taken back, or the plane was opened.
    pub holds_changed: Notify,
    /// Days persons are kept after the year they were counted in was published.
    pub retention: Retention,
    /// Told once the node was wiped, and is to stop.
    pub wiped: Notify,
    /// The card as it is now.
    pub card: Mutex<Card>,
    /// Told when the plane was opened.
    pub unlocked: Notify,
    /// What else troubles this node.
    pub troubles: Troubles,
    /// Reads settings and certificate again; empty in a node that does not serve.
    pub reload: OnceLock<Reload>,
    /// How much memory there is.
    pub memory: Arc<Memory>,
}

impl std::fmt::Debug for Office {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Office")
            .field("member", &self.public.me.id)
            .finish_non_exhaustive()
    }
}

impl Office {
    /// Opens the private plane, and renews the node's certificate where that is due.
    ///
    /// # Errors
    /// When the passphrase is wrong, or the plane cannot be opened.
    pub fn unlock(&self, passphrase: &[u8]) -> Result<(), Status> {
        self.check_memory()?;
        self.private
            .unlock(passphrase)
            .map_err(|error| error.told())?;
        self.renew_certificate()?;
        self.recover()?;
        self.settle_holds()?;
        self.holds_changed.notify_one();
        self.unlocked.notify_one();
        Ok(())
    }

    /// Refuses to unlock, or to seal under a passphrase, where that would have the node killed.
    pub(super) fn check_memory(&self) -> Result<(), Status> {
        if self.memory.has_room_for(UNLOCKING) {
            return Ok(());
        }
        let limit = self.memory.limit().unwrap_or_default() >> 20;
        Err(status(
            "busy",
            format!(
                "unlocking takes 64 MiB of memory, and less is left of the {limit} MiB there are"
            ),
            "give the node 128 MiB (max_memory, or the limit of its container), or wait",
        ))
    }

    /// Finds out what became of held drafts whose release was cut short: now, as whatever the log
    /// takes in from here on is not of them.
    fn settle_holds(&self) -> Result<(), Status> {
        let opened = self.opened()?;
        let _turn = opened.turn.lock().unwrap_or_else(PoisonError::into_inner);
        Holds(&opened.store).settle().map_err(|error| error.told())
    }

    /// Returns the open private plane.
    pub(super) fn opened(&self) -> Result<Arc<Opened>, Status> {
        self.private.opened().map_err(|error| error.told())
    }

    /// Runs `with` on the member's keys.
    pub(super) fn with_keys<T>(
        &self,
        with: impl FnOnce(&MemberKeys) -> Result<T, Status>,
    ) -> Result<T, Status> {
        self.private.with_keys(with).map_err(|error| error.told())?
    }

    pub(super) fn charter(&self) -> Result<Arc<Charter>, Status> {
        self.public.charter().map_err(|error| error.told())
    }

    /// Returns the code lists records are checked against: the charter's, or the default ones
    /// before there is a charter.
    pub(super) fn code_lists(&self) -> CodeLists {
        match self.public.charter() {
            Ok(charter) => {
                let members = charter.members().iter().map(|member| member.id.to_string());
                lists_of(charter.policy()).with(MEMBERS, members)
            }
            Err(_) => lists_of(&Policy::default_plan()),
        }
    }

    /// Returns the month in which the charter's financial years begin.
    pub(super) fn fy_month(&self) -> i8 {
        let charter = self.public.charter();
        charter.map_or(1, |charter| charter.policy().fy_month())
    }

    /// Runs `with` on the door to the own log, while nobody else uses it.
    pub(super) fn at_door<T>(
        &self,
        with: impl FnOnce(&Opened, &Charter, &Door<'_>) -> Result<T, Status>,
    ) -> Result<T, Status> {
        let opened = self.opened()?;
        let charter = self.charter()?;
        let _turn = opened.turn.lock().unwrap_or_else(PoisonError::into_inner);
        (self.may_sign)().map_err(|reason| ReleaseError::UnsureOfHead(reason).told())?;
        let door = Door {
            private: &opened.store,
            public: &self.public.store,
            consortium: charter.consortium(),
            member: &self.public.me.id,
            log_key: &opened.keys.log,
            checkpoint_file: &self.checkpoint,
            entropy: self.entropy,
        };
        with(&opened, &charter, &door)
    }

    /// Appends what a crash left half done, where this node may sign.
    fn recover(&self) -> Result<(), Status> {
        if self.public.charter().is_err() || (self.may_sign)().is_err() {
            return Ok(());
        }
        let recovered = match self.at_door(|_, _, door| Ok(door.recover()))? {
            // The records can be read all the same; `health` says that nothing is let out.
            Err(error @ ReleaseError::LedgerMismatch { .. }) => {
                tracing::error!(%error, "nothing can be let out");
                return Ok(());
            }
            recovered => recovered.map_err(|error| error.told())?,
        };
        if recovered > 0 {
            tracing::info!(leaves = recovered, "releases left half done were appended");
        }
        Ok(())
    }

    /// Returns why nothing can be let out, where the private plane is behind the log; not known
    /// while it is locked.
    pub(super) fn ledger_problem(&self) -> Option<String> {
        let opened = self.private.opened().ok()?;
        let origin = self.public.charter().ok()?.origin(&self.public.me.id);
        match Ledger(&opened.store).check(&self.public.store, origin.as_str()) {
            Err(error @ ReleaseError::LedgerMismatch { .. }) => Some(format!(
                "{error}: it is older than what was released, and nothing more is"
            )),
            _ => None,
        }
    }

    /// Issues the node's certificate anew where there is none for the charter's consortium, or
    /// little time is left on it; and shows it.
    pub(super) fn renew_certificate(&self) -> Result<(), Status> {
        let Ok(charter) = self.public.charter() else {
            return Ok(());
        };
        self.issue_certificate(charter.consortium())
    }

    /// Renews the node's certificate where that is due and the keys are at hand.
    ///
    /// # Errors
    /// Says why it could not be renewed.
    pub fn renew_if_open(&self) -> Result<(), String> {
        if self.private.is_locked() && !self.public.me.relay {
            return Ok(());
        }
        self.renew_certificate()
            .map_err(|status| status.message().to_owned())
    }

    /// As [`Office::renew_certificate`], for a consortium whose charter is not in force yet.
    pub(super) fn issue_certificate(
        &self,
        consortium: &crate::model::ConsortiumId,
    ) -> Result<(), Status> {
        let now = self.public.clock.now();
        if !self.cert_file.is_due(consortium, &self.hosts(), now) {
            return Ok(());
        }
        self.with_keys(|keys| {
            let issued = keys
                .authority
                .issue_node(consortium, &self.hosts(), now)
                .map_err(|error| error.told())?;
            self.cert_file
                .write(&issued.cert, &issued.key)
                .map_err(|error| error.told())
        })?;
        self.show_certificate();
        Ok(())
    }

    /// Shows the stored certificate to peers, if there is one that can be used.
    pub fn show_certificate(&self) {
        let shown = match self.cert_file.read() {
            Ok(Some((cert, key))) => {
                let swapped = self.public.own_cert.swap(&cert, &key);
                swapped.map_err(|error| error.to_string())
            }
            Ok(None) => Ok(()),
            Err(error) => Err(error.to_string()),
        };
        self.say_of_certificate(shown.as_ref().err());
    }

    /// Reads the certificate again and shows it from the next handshake on, if it is this node's
    /// and good; returns whether it is a new one. One that is not leaves the old one in use.
    ///
    /// # Errors
    /// Says what is wrong with it.
    pub fn reload_certificate(&self) -> Result<bool, String> {
        let read = self.read_certificate();
        self.say_of_certificate(read.as_ref().err());
        read
    }

    fn read_certificate(&self) -> Result<bool, String> {
        let path = self.cert_file.path().display();
        let stored = self.cert_file.read().map_err(|error| error.to_string())?;
        let Some((cert, key)) = stored else {
            return match self.public.own_cert.in_use() {
                Some(_) => Err(format!("{path} is gone")),
                None => Ok(false),
            };
        };
        if let Some(mode) = self.cert_file.open_to_others() {
            return Err(format!(
                "{path} has mode {mode:04o}: others can read its key"
            ));
        }
        if let Ok(charter) = self.public.charter() {
            let peer = tls::judge(self.public.as_ref(), &cert, Usage::Server)
                .map_err(|error| format!("{path}: {error}"))?;
            let ours = SpiffeId::node(self.public.me.id.clone(), charter.consortium().clone());
            if peer.spiffe != ours {
                return Err(format!("{path} is the certificate of {}", peer.spiffe));
            }
        }
        let is_new = self.public.own_cert.in_use().as_deref() != Some(&cert);
        let swapped = self.public.own_cert.swap(&cert, &key);
        swapped.map_err(|error| format!("{path}: {error}"))?;
        Ok(is_new)
    }

    fn say_of_certificate(&self, broken: Option<&String>) {
        let message = broken.map(|error| {
            tracing::warn!(error, "node certificate cannot be used; the one in use stays");
            format!("{error}; the certificate in use stays: put a good one there, or remove it and unlock")
        });
        self.troubles.set("certificate_broken", message);
    }

    /// Returns when the certificate in use ends, Unix seconds; `None` where none is.
    pub fn certificate_end(&self) -> Option<u64> {
        own_cert::not_after(&self.public.own_cert.in_use()?)
    }

    /// Returns whether the certificate in use begins so late that peers refuse it.
    pub(super) fn certificate_is_early(&self) -> bool {
        let cert = self.public.own_cert.in_use();
        cert.is_some_and(|cert| own_cert::is_early(&cert, self.public.clock.now()))
    }

    /// Returns the host this node says it is reached at.
    pub(super) fn hosts(&self) -> Vec<Host> {
        let advertised = self.advertise.as_deref().and_then(|url| {
            let address: crate::rpc::connect::PeerAddress = url.parse().ok()?;
            address.host().parse().ok()
        });
        advertised.into_iter().collect()
    }

    /// Returns the member's card, signed again if where it is dialled has changed.
    pub(super) fn card(&self) -> Result<Card, Status> {
        let mut card = self.card.lock().unwrap_or_else(PoisonError::into_inner);
        let endpoints: Vec<String> = self.advertise.iter().cloned().collect();
        if card.member().endpoints != endpoints {
            let mut member = card.member().clone();
            member.endpoints = endpoints;
            let signed = self.with_keys(|keys| {
                Card::sign(member, &keys.governor).map_err(|error| error.told())
            })?;
            file::write_atomic(&self.card_file, signed.to_string().as_bytes())
                .map_err(|error| error.told())?;
            *card = signed;
        }
        Ok(card.clone())
    }
}

fn lists_of(policy: &Policy) -> CodeLists {
    CodeLists::new(
        CodeList::ALL
            .iter()
            .map(|list| (list.as_str(), policy.codes(*list))),
    )
}

/// Returns what a member agreed to publish under a charter.
pub(super) fn terms<'a>(
    charter: &'a Charter,
    me: &'a crate::model::MemberId,
) -> Result<Terms<'a>, Status> {
    let member = charter.member(me).ok_or_else(|| {
        status(
            "no_charter",
            format!("the charter does not name {me}"),
            "apply the charter that names this node's card",
        )
    })?;
    Ok(Terms {
        member: me,
        members: charter.members(),
        size: member.size,
        countries: &member.countries,
        charter_version: charter.version(),
        policy: charter.policy(),
    })
}

/// Returns a hash as text.
pub(super) fn base64(bytes: &[u8]) -> String {
    canon::to_base64(bytes)
}
