//! Passphrases, and a node's end, over the local socket.

use std::sync::Arc;

use tonic::{Request, Response, Status};
use zeroize::Zeroizing;

use super::blocking;
use super::office::Office;
use crate::release::passphrases::Act;
use crate::rpc::errors::Told as _;
use crate::rpc::generated::vault_server::Vault;
use crate::store::{Holder, Named};
use crate::wire;

/// The service.
#[derive(Clone, Debug)]
pub(in crate::rpc) struct VaultService {
    office: Arc<Office>,
}

impl VaultService {
    pub(in crate::rpc) const fn new(office: Arc<Office>) -> Self {
        Self { office }
    }
}

/// Takes a secret out of a message, into memory that wipes itself.
fn secret(text: &mut String) -> Zeroizing<String> {
    Zeroizing::new(std::mem::take(text))
}

impl Office {
    /// Does something about passphrases; an empty one was not given.
    fn passphrases(&self, given: &str, act: Act<'_>) -> Result<Vec<wire::PassphraseName>, Status> {
        let given = Some(given.as_bytes()).filter(|given| !given.is_empty());
        let named = self.private.passphrases(given, act);
        let named = named.map_err(|error| error.told())?.into_iter();
        Ok(named
            .map(|Named { name, holder }| wire::PassphraseName {
                name,
                recovery: holder == Holder::Recovery,
            })
            .collect())
    }
}

#[tonic::async_trait]
impl Vault for VaultService {
    async fn add_passphrase(
        &self,
        request: Request<wire::AddPassphraseRequest>,
    ) -> Result<Response<wire::AddPassphraseResponse>, Status> {
        let (office, mut asked) = (Arc::clone(&self.office), request.into_inner());
        let given = secret(&mut asked.passphrase);
        let new = secret(&mut asked.new_passphrase);
        blocking(move || {
            let name = asked.name.as_str();
            let new = new.as_bytes();
            let passphrases = office.passphrases(&given, Act::Add { name, new })?;
            Ok(wire::AddPassphraseResponse { passphrases })
        })
        .await
    }

    async fn change_passphrase(
        &self,
        request: Request<wire::ChangePassphraseRequest>,
    ) -> Result<Response<wire::ChangePassphraseResponse>, Status> {
        let (office, mut asked) = (Arc::clone(&self.office), request.into_inner());
        let given = secret(&mut asked.passphrase);
        let new = secret(&mut asked.new_passphrase);
        blocking(move || {
            let new = new.as_bytes();
            let passphrases = office.passphrases(&given, Act::Change { new })?;
            Ok(wire::ChangePassphraseResponse { passphrases })
        })
        .await
    }

    async fn remove_passphrase(
        &self,
        request: Request<wire::RemovePassphraseRequest>,
    ) -> Result<Response<wire::RemovePassphraseResponse>, Status> {
        let (office, mut asked) = (Arc::clone(&self.office), request.into_inner());
        let given = secret(&mut asked.passphrase);
        blocking(move || {
            let name = asked.name.as_str();
            let passphrases = office.passphrases(&given, Act::Remove { name })?;
            Ok(wire::RemovePassphraseResponse { passphrases })
        })
        .await
    }

    async fn list_passphrases(
        &self,
        request: Request<wire::ListPassphrasesRequest>,
    ) -> Result<Response<wire::ListPassphrasesResponse>, Status> {
        let (office, mut asked) = (Arc::clone(&self.office), request.into_inner());
        let given = secret(&mut asked.passphrase);
        blocking(move || {
            let passphrases = office.passphrases(&given, Act::List)?;
            Ok(wire::ListPassphrasesResponse { passphrases })
        })
        .await
    }

    async fn renew_recovery(
        &self,
        request: Request<wire::RenewRecoveryRequest>,
    ) -> Result<Response<wire::RenewRecoveryResponse>, Status> {
        let (office, mut asked) = (Arc::clone(&self.office), request.into_inner());
        let given = secret(&mut asked.passphrase);
        let code = secret(&mut asked.code);
        blocking(move || {
            let code = code.as_bytes();
            let passphrases = office.passphrases(&given, Act::Recovery { code })?;
            Ok(wire::RenewRecoveryResponse { passphrases })
        })
        .await
    }

    async fn set_plain(
        &self,
        request: Request<wire::SetPlainRequest>,
    ) -> Result<Response<wire::SetPlainResponse>, Status> {
        let (office, mut asked) = (Arc::clone(&self.office), request.into_inner());
        let given = secret(&mut asked.passphrase);
        let new = secret(&mut asked.new_passphrase);
        blocking(move || {
            let new = Some(new.as_bytes()).filter(|new| !new.is_empty());
            office.passphrases(&given, Act::Plain { new })?;
            Ok(wire::SetPlainResponse {})
        })
        .await
    }

    async fn wipe(
        &self,
        request: Request<wire::WipeRequest>,
    ) -> Result<Response<wire::WipeResponse>, Status> {
        let (office, all) = (Arc::clone(&self.office), request.into_inner().all);
        blocking(move || {
            let wiped = office.private.destroy(all);
            let destroyed = wiped.map_err(|error| error.told())?.destroyed;
            // It stops once this answer is out.
            office.wiped.notify_one();
            Ok(wire::WipeResponse { destroyed })
        })
        .await
    }
}
