//! `vault.toml` as written: always as long, whoever has a slot.

use std::path::Path;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Serialize};

use super::slot::{Cost, ParseError, Slot, WrittenSlot, one_line, sized};
use super::slots::{Sealed, Slots};
use super::{Form, SLOTS, Vault};
use crate::store::{StoreError, file};

/// What the key of a vault of the format before is bound to.
pub(super) const OLD_WRAPPING: &[u8] = b"counterfoil/vault/v1";

const MAX_BYTES: usize = 64 << 10;
const OLD_FORMAT: u32 = 1;
const FORMAT: u32 = 2;
const OLD_HEADING: &str = "# The key to this node's records, wrapped by its passphrase. Without this file nothing can\n\
                       # read them, not even the passphrase.\n";
const HEADING: &str = "# The key to this node's records, once under each passphrase. Without this file nothing can\n\
                       # read them, not even a passphrase. Slots that nobody uses hold random bytes.\n";

/// The file as written.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    format: u32,
    kdf: String,
    memory_kib: u32,
    passes: u32,
    lanes: u32,
    salt: String,
    slots: Vec<String>,
    names: String,
}

/// The file as written before.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct OldWritten {
    format: u32,
    slot: Vec<WrittenSlot>,
}

/// The part that says how to read the rest.
#[derive(Deserialize)]
struct Head {
    format: u32,
}

impl Vault {
    /// Reads a vault file, or `None` where there is none.
    ///
    /// # Errors
    /// When it is not a vault, or asks for a cost out of bounds.
    pub fn read(path: &Path) -> Result<Option<Self>, StoreError> {
        let Some(bytes) = file::read_small(path, MAX_BYTES)? else {
            return Ok(None);
        };
        let text = String::from_utf8(bytes)
            .map_err(|_| StoreError::damaged(path, "it is no text; restore a backup"))?;
        Self::parse(&text).map(Some).map_err(|error| match error {
            ParseError::Syntax(reason) => StoreError::damaged(path, reason),
            ParseError::Bounds(error) => error,
        })
    }

    /// Writes the vault file, whole or not at all, and overwrites the one it replaces, so that a
    /// passphrase that opened only that one opens nothing.
    ///
    /// # Errors
    /// When the disk refuses; the file is then as it was, or as it is to be.
    pub fn write(&self, path: &Path) -> Result<(), StoreError> {
        file::replace_secret(path, self.to_text().as_bytes())
    }

    /// Writes the vault over the file of another, in place, so that the bytes of that one are gone
    /// when this returns. What is the same in both stays whatever happens. A file that somebody
    /// made longer or shorter is replaced, and then overwritten.
    ///
    /// # Errors
    /// When the disk refuses.
    pub fn write_over(&self, path: &Path) -> Result<(), StoreError> {
        let text = self.to_text();
        match file::overwrite(path, text.as_bytes()) {
            Err(StoreError::Damaged { .. }) => file::replace_secret(path, text.as_bytes()),
            done => done,
        }
    }

    pub(super) fn to_text(&self) -> String {
        let text = match &self.0 {
            Form::Slots(slots) => toml::to_string(&slots.to_written()).map(|text| (HEADING, text)),
            Form::Old(slot) => {
                let written = OldWritten {
                    format: OLD_FORMAT,
                    slot: vec![slot.to_written()],
                };
                toml::to_string(&written).map(|text| (OLD_HEADING, text))
            }
        };
        let (heading, text) = text.expect("numbers and strings can be written as TOML");
        format!("{heading}{text}")
    }

    pub(super) fn parse(text: &str) -> Result<Self, ParseError> {
        let Head { format } = toml::from_str(text).map_err(syntax)?;
        match format {
            FORMAT => {
                let written: Written = toml::from_str(text).map_err(syntax)?;
                Ok(Self(Form::Slots(Slots::from_written(written)?)))
            }
            OLD_FORMAT => {
                let mut written: OldWritten = toml::from_str(text).map_err(syntax)?;
                match (written.slot.pop(), written.slot.is_empty()) {
                    (Some(slot), true) => {
                        let slot = Slot::from_written(slot)?;
                        Ok(Self(Form::Old(Box::new(slot))))
                    }
                    _ => Err(ParseError::Syntax(
                        "it has format 1 and not one slot".to_owned(),
                    )),
                }
            }
            other => Err(ParseError::Syntax(format!(
                "it has format {other} and this version reads up to {FORMAT}"
            ))),
        }
    }
}

impl Slots {
    fn to_written(&self) -> Written {
        Written {
            format: FORMAT,
            kdf: "argon2id".to_owned(),
            memory_kib: self.cost.memory_kib,
            passes: self.cost.passes,
            lanes: self.cost.lanes,
            salt: STANDARD.encode(self.salt),
            slots: self
                .slots
                .iter()
                .map(|slot| STANDARD.encode(slot.0.as_slice()))
                .collect(),
            names: STANDARD.encode(self.names.0.as_slice()),
        }
    }

    fn from_written(written: Written) -> Result<Self, ParseError> {
        if written.kdf != "argon2id" {
            let reason = "its passphrases are not turned into keys by argon2id";
            return Err(ParseError::Syntax(reason.to_owned()));
        }
        if written.slots.len() != SLOTS {
            let reason = format!("it has {} slots and not {SLOTS}", written.slots.len());
            return Err(ParseError::Syntax(reason));
        }
        let cost = Cost {
            memory_kib: written.memory_kib,
            passes: written.passes,
            lanes: written.lanes,
        };
        let slot = |text: &String| Ok(Sealed(Box::new(sized("a slot", text)?)));
        let slots: Result<Vec<_>, ParseError> = written.slots.iter().map(slot).collect();
        Ok(Self {
            cost: cost.check()?,
            salt: sized("salt", &written.salt)?,
            slots: slots?,
            names: Sealed(Box::new(sized("names", &written.names)?)),
        })
    }
}

fn syntax(error: toml::de::Error) -> ParseError {
    ParseError::Syntax(one_line(error.message()))
}
