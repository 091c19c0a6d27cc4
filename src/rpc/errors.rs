//! Every room's errors as what a caller is told: the one place where they are translated.

use tonic::Status;

use super::client::CallError;
use super::plane;
use super::status::status;
use crate::charter::CharterError;
use crate::identity::ca::CaError;
use crate::record::RecordError;
use crate::release::keys::KeysError;
use crate::release::{PlaneError, ReleaseError};
use crate::report::{AuditError, ProveError, ReportError};
use crate::store::StoreError;
use crate::store::backup::BackupError;

/// An error with the word and the hint it is told with.
pub trait Told: std::error::Error + Sized {
    /// Returns the word for programs and what to do about it.
    fn word(&self) -> (&'static str, &'static str);

    /// Returns the error as a command shows it.
    fn call_error(self) -> CallError {
        CallError::from(self.told())
    }

    /// Returns the status a caller gets. What the operator must know is logged.
    fn told(self) -> Status {
        let (code, hint) = self.word();
        let message = whole_message(&self);
        if matches!(code, "internal" | "damaged" | "disk" | "disk_full") {
            tracing::error!(error = %message, "call failed");
        }
        status(code, message, hint)
    }
}

/// Returns an error with its causes, in one line.
fn whole_message(error: &dyn std::error::Error) -> String {
    let mut message = error.to_string();
    let mut cause = error.source();
    while let Some(inner) = cause {
        let inner_message = inner.to_string();
        if !message.contains(&inner_message) {
            message.push_str(": ");
            message.push_str(&inner_message);
        }
        cause = inner.source();
    }
    message.replace(['\n', '\r'], " ")
}

impl Told for StoreError {
    fn word(&self) -> (&'static str, &'static str) {
        match self {
            Self::WrongPassphrase => (
                "passphrase",
                "check the spelling; if it is right, vault.toml was changed: put it back from a backup",
            ),
            Self::WrongKeyFilePassphrase => (
                "passphrase",
                "give the passphrase its owner chose for it, not the node's",
            ),
            Self::PassphraseNeeded => (
                "passphrase",
                "name a file with --passphrase-file or COUNTERFOIL_PASSPHRASE_FILE",
            ),
            Self::PassphraseTaken => ("passphrase_unusable", "choose another one"),
            Self::SlotTaken(_) => (
                "exists",
                "choose another word; `counterfoil passphrase list` shows those there are",
            ),
            Self::NoSlot(_) => (
                "not_found",
                "`counterfoil passphrase list` shows those there are",
            ),
            Self::BadSlotName => ("invalid", "choose a word such as `desk` or `b`"),
            Self::LastSlot => (
                "last_passphrase",
                "add another first, or change it: `counterfoil passphrase change`",
            ),
            Self::NoFreeSlot => ("too_many", "remove one: `counterfoil passphrase remove`"),
            Self::Wiped { .. } => (
                "wiped",
                "nothing can be opened; `counterfoil wipe --yes --all` removes what is left",
            ),
            Self::DiskFull { .. } => ("disk_full", "make room on the disk and try again"),
            Self::InUse { .. } => ("in_use", "stop it, or wait until it has ended"),
            Self::NoNode { .. } => (
                "no_node",
                "make one with `counterfoil init`, or name it with --dir",
            ),
            Self::HoldsNode { .. } => ("exists", "choose another directory with --dir"),
            Self::Unfinished { .. } => (
                "unfinished",
                "remove the directory and run `counterfoil init` again",
            ),
            Self::NewerFormat { .. } => ("newer_format", "install the version that wrote it"),
            Self::Io { .. } | Self::Poisoned { .. } => {
                ("disk", "check the disk, then start the node again")
            }
            Self::Damaged { .. } | Self::WrongKey { .. } => (
                "damaged",
                "nothing was changed; see `counterfoil doctor`, or restore a backup",
            ),
            Self::VaultBounds { .. } => ("invalid", "choose one within these bounds"),
            Self::NotAllowed { .. } => (
                "config",
                "give it, and the directory it is in, to the user that runs this",
            ),
            Self::Frozen { .. } => ("equivocation", "see `counterfoil health`"),
            Self::NoLeaf { .. } => (
                "not_found",
                "see `counterfoil release list` or `report --provenance`",
            ),
            Self::Erased { .. } => ("recalled", "ask for a leaf that was not recalled"),
            _ => ("internal", "see the node's log"),
        }
    }
}

impl Told for RecordError {
    fn word(&self) -> (&'static str, &'static str) {
        match self {
            Self::NotFound { .. } => ("not_found", "`counterfoil record list` shows what there is"),
            Self::SourceTaken { .. } => ("exists", "edit the record that has it"),
            Self::Store(error) => error.word(),
            Self::Damaged { .. } => ("internal", "see the node's log"),
            Self::Nobody { .. } => (
                "invalid",
                "give what stood in the sheet, or the code `counterfoil record show` has for them",
            ),
            _ => ("invalid", "nothing was changed; mend it and try again"),
        }
    }
}

impl Told for PlaneError {
    fn word(&self) -> (&'static str, &'static str) {
        match self {
            Self::Locked => ("locked", "run `counterfoil unlock`"),
            Self::Relay => ("relay", "run this on a member's node"),
            Self::Store(error) => error.word(),
            Self::Keys(error) => error.word(),
            Self::Record(error) => error.word(),
            Self::Release(error) => error.word(),
        }
    }
}

impl Told for KeysError {
    fn word(&self) -> (&'static str, &'static str) {
        match self {
            Self::Store(error) => error.word(),
            Self::Missing(_) => (
                "damaged",
                "put back the newest copy of the private plane: nothing is released without it",
            ),
            _ => ("internal", "see the node's log"),
        }
    }
}

impl Told for CaError {
    fn word(&self) -> (&'static str, &'static str) {
        match self {
            Self::BadLifetime { .. } => ("invalid", "give --days a number above 0"),
            _ => ("internal", "check the system's clock"),
        }
    }
}

impl Told for ReleaseError {
    fn word(&self) -> (&'static str, &'static str) {
        match self {
            Self::NoTables { .. } => (
                "no_such_table",
                "choose a period the plan has, such as 2018Q1 or 2018",
            ),
            Self::UnknownDraft => ("not_found", "run `counterfoil release preview` first"),
            Self::StaleDraft => ("changed", "preview again, look, and publish the new digest"),
            Self::UnsureOfHead(_) => (
                "unsure_head",
                "sync with a peer first: `counterfoil peer sync`",
            ),
            Self::LedgerMismatch { .. } => (
                "ledger",
                "put back the newest copy of the private plane: nothing is released without it",
            ),
            Self::BadStatement { .. } | Self::TooManyStatements { .. } => {
                ("invalid", "nothing was changed; correct it and try again")
            }
            Self::NotNil { .. } => (
                "invalid",
                "publish them, mend their dates, or say excused or withheld",
            ),
            Self::NotOver { .. } => ("not_over", "say it then, with the same command"),
            Self::NotBegun { .. } => (
                "not_over",
                "is the year right? a pause that is planned can be said ahead, as excused",
            ),
            Self::FarAhead { .. } => ("not_over", "is the year right?"),
            Self::UnknownApprover(_) => (
                "unknown_approver",
                "`counterfoil approver list` shows them, `counterfoil approver add` adds one",
            ),
            Self::ApproverExists(_) | Self::KeyTaken(_) => (
                "exists",
                "each approver is one person with one key; see `counterfoil approver list`",
            ),
            Self::OwnKey | Self::UnusableKey | Self::BadName | Self::TooManyApprovers => {
                ("invalid", "nothing was changed; mend it and try again")
            }
            Self::OwnPreview(_) => ("own_preview", "ask another approver"),
            Self::NotTheirKey(_) => (
                "wrong_key",
                "use the key file made for this name; `counterfoil approver list` shows its key",
            ),
            Self::NotApproved { .. } => (
                "not_approved",
                "another person runs `counterfoil release approve DIGEST --as NAME --key FILE`",
            ),
            Self::Held => (
                "held",
                "to let it out before, take it back first: `counterfoil release cancel DIGEST`",
            ),
            Self::NotHeld => (
                "not_found",
                "`counterfoil release holds` shows what is held",
            ),
            Self::TooManyHolds => (
                "too_many",
                "take one back with `counterfoil release cancel`",
            ),
            Self::BadHold => ("invalid", "say for how long, such as 30m, 24h or 2d"),
            Self::HasSummary(_) => ("exists", "a status is for a period with no summary"),
            Self::Store(error) => error.word(),
            Self::Record(error) => error.word(),
            _ => ("internal", "see the node's log"),
        }
    }
}

impl Told for CharterError {
    fn word(&self) -> (&'static str, &'static str) {
        (
            "charter",
            "nothing was changed; mend the file and try again",
        )
    }
}

impl Told for ReportError {
    fn word(&self) -> (&'static str, &'static str) {
        (self.code(), self.hint())
    }
}

impl Told for ProveError {
    fn word(&self) -> (&'static str, &'static str) {
        match self {
            Self::NoLeaf { .. } => (
                "not_found",
                "`counterfoil report --provenance` names the leaves",
            ),
            Self::Recalled { .. } => (
                "recalled",
                "its leaf stays in the log; nothing can be shown of it",
            ),
            Self::Store(error) => error.word(),
            Self::Damaged(_) => ("internal", "see the node's log"),
        }
    }
}

impl Told for AuditError {
    fn word(&self) -> (&'static str, &'static str) {
        match self {
            Self::NoLog(_) => (
                "unknown_member",
                "`counterfoil charter show` lists the members",
            ),
            Self::Store(error) => error.word(),
            Self::Unproven(_) => (
                "unproven",
                "take nothing for safe, and say so to its publisher",
            ),
            Self::Leaf { .. } | Self::Payload { .. } => ("internal", "see the node's log"),
        }
    }
}

impl Told for plane::PlaneError {
    fn word(&self) -> (&'static str, &'static str) {
        match self {
            Self::NoCharter => (
                "no_charter",
                "apply the consortium's charter: `counterfoil charter apply FILE`",
            ),
            Self::Lacking(_) => (
                "lacking",
                "sync with a peer first: `counterfoil peer sync`; where none is left, restore the \
                 newest backup",
            ),
            Self::Store(error) => error.word(),
            Self::Report(error) => error.word(),
            Self::Charter(error) => error.word(),
            Self::Refused(_) => ("charter", "the charter in force stays; nothing was changed"),
            Self::OtherConsortium { .. } | Self::NotNamed(_) => {
                ("charter", "apply the charter that names this node's card")
            }
            Self::Prove(error) => error.word(),
            Self::Audit(error) => error.word(),
            Self::Feed(_) => ("internal", "see the node's log"),
        }
    }
}

impl Told for BackupError {
    fn word(&self) -> (&'static str, &'static str) {
        match self {
            Self::Store(error) => error.word(),
            Self::Io { .. } => ("file", "check the disk and the path, and try again"),
            Self::BadRecipient(_) => (
                "invalid",
                "name recipients as `counterfoil backup --new-key FILE` prints them",
            ),
            Self::NoKey { .. } => ("file", "check its path, and whose it is"),
            Self::NoIdentity(_) => ("file", "name the file that `backup --new-key` made"),
            Self::NotForUs => (
                "passphrase",
                "name the key with --identity, or give the passphrase of the time it was taken",
            ),
            Self::OtherLock("under a passphrase") => (
                "passphrase",
                "leave --identity away and give the passphrase",
            ),
            Self::OtherLock(_) => ("passphrase", "name the key that opens it with --identity"),
            Self::NoBackup(_) => ("damaged", "name a file that `counterfoil backup` made"),
            Self::Damaged(_) => (
                "damaged",
                "nothing was changed; take another backup, or another copy of this one",
            ),
            Self::Newer { .. } => ("newer_format", "install the version that wrote it"),
            Self::Mixed(_) => ("invalid", "name backups of one node, one for each plane"),
            Self::Occupied { .. } => ("exists", "choose another directory with --dir"),
        }
    }
}
