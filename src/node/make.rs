//! A new node in an empty directory: keys, vault, card, settings.

use std::path::{Path, PathBuf};

use zeroize::Zeroizing;

use super::failure;
use crate::charter::{Card, Member};
use crate::cli::Failure;
use crate::cli::host::{MadeNode, NewNode};
use crate::clock::Clock;
use crate::config;
use crate::identity::{GovernorKey, WitnessKey, canon};
use crate::release::keys::{self, MemberKeys};
use crate::release::plane::relay_keys;
use crate::store::{Cost, DataKey, Entropy, NodeDir, RecoveryCode, StoreError, file};

/// Returns where the member's card lies.
pub(super) fn card_path(dir: &Path) -> PathBuf {
    dir.join("card")
}

/// Returns where the witness key lies: a locked node cosigns too.
pub(super) fn witness_path(dir: &Path) -> PathBuf {
    dir.join("witness.key")
}

/// Makes a node. The directory holds one only once everything is on the disk.
///
/// # Errors
/// When the directory holds something already, or cannot be written.
pub fn make(new: &NewNode, clock: Clock, entropy: Entropy) -> Result<MadeNode, Failure> {
    let member_keys = MemberKeys::generate(&new.member, entropy, clock.now()).map_err(failure)?;
    let recovery = keys::seed(entropy).map_err(failure)?;
    let code = RecoveryCode::generate(entropy).map_err(failure)?;
    let witness_seed = keys::seed(entropy).map_err(failure)?;
    let witness = WitnessKey::from_seed(&witness_seed);
    // A card that cannot be made leaves no directory behind.
    let card = card(
        new,
        &member_keys,
        &GovernorKey::from_seed(&recovery),
        &witness,
    )?;

    let dir = NodeDir::create(&new.dir).map_err(failure)?;
    match &new.passphrase {
        Some(passphrase) if !new.relay => {
            let data_key = dir
                .create_vault(passphrase.as_str().as_bytes(), Cost::DEFAULT, entropy)
                .map_err(failure)?;
            add_recovery(&dir, &data_key, &code, entropy).map_err(failure)?;
            let private = dir.private(&data_key, entropy).map_err(failure)?;
            member_keys.seal_into(&private).map_err(failure)?;
        }
        _ if new.relay => member_keys
            .write(&relay_keys(dir.path()))
            .map_err(failure)?,
        _ => {
            return Err(Failure::new(
                "passphrase",
                "a member's node needs a passphrase",
                "",
            ));
        }
    }

    let text = Zeroizing::new(canon::to_base64(&*witness_seed));
    file::write_atomic(&witness_path(dir.path()), text.as_bytes()).map_err(failure)?;
    file::write_atomic(&card_path(dir.path()), card.to_string().as_bytes()).map_err(failure)?;
    let settings = dir.path().join(config::FILE_NAME);
    file::write_atomic(&settings, new.settings.as_bytes()).map_err(failure)?;
    drop(dir.public(entropy).map_err(failure)?);
    dir.finish().map_err(failure)?;
    Ok(MadeNode {
        log_key: card.member().log_key.map(|key| key.to_string()),
        witness_key: witness.public_key().to_string(),
        recovery_key: (!new.relay).then(|| Zeroizing::new(canon::to_base64(&*recovery))),
        recovery_code: (!new.relay).then_some(code),
    })
}

/// Lets the code on the recovery sheet open the vault.
fn add_recovery(
    dir: &NodeDir,
    key: &DataKey,
    code: &RecoveryCode,
    entropy: Entropy,
) -> Result<(), StoreError> {
    let Some(mut vault) = dir.vault()? else {
        return Ok(());
    };
    vault.set_recovery(key, code.as_str().as_bytes(), entropy)?;
    dir.set_vault(&vault)
}

fn card(
    new: &NewNode,
    keys: &MemberKeys,
    recovery: &GovernorKey,
    witness: &WitnessKey,
) -> Result<Card, Failure> {
    let member = Member {
        id: new.member.clone(),
        name: new.name.clone(),
        size: new.size,
        countries: new.countries.clone(),
        relay: new.relay,
        governor_key: Some(keys.governor.public_key()),
        recovery_key: Some(recovery.public_key()),
        log_key: (!new.relay).then(|| keys.log.public_key()),
        witness_key: witness.public_key(),
        seal_key: keys.seal.public_key(),
        tls_cas: vec![keys.authority.cert().to_vec()],
        endpoints: new.config.advertise.iter().cloned().collect(),
        joined: None,
        left: None,
    };
    Card::sign(member, &keys.governor).map_err(failure)
}
