//! The places settings come from, kept so that they can be read again while the node runs.

use std::path::PathBuf;

use super::{Config, ConfigError, Written};

/// File, environment and flags, the later ones winning.
#[derive(Clone, Debug, Default)]
pub struct Sources {
    /// The settings file, for what is about a node.
    pub file: Option<PathBuf>,
    /// What the environment said when the program started.
    pub environment: Written,
    /// What the command line said.
    pub flags: Written,
    /// Variables that look like settings and are none: [`Written::strangers`].
    pub strangers: Vec<String>,
}

impl Sources {
    /// Reads the file as it is now, and lays the rest over it.
    ///
    /// # Errors
    /// Names the first mistake and where it stands.
    pub fn read(&self) -> Result<(Written, Config), ConfigError> {
        let file = match &self.file {
            Some(file) => Written::read_file(file)?,
            None => Written::default(),
        };
        let written = file
            .under(self.environment.clone())
            .under(self.flags.clone());
        let config = written.check()?;
        Ok((written, config))
    }
}
