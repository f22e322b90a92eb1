//! Server keys from the system: entropy and files.

use std::io;
use std::path::Path;

use zeroize::Zeroizing;

use crate::keys::PrivateKey;
use crate::keys::file;
use crate::keys::file::{KeyFileError, KeyKind};

impl PrivateKey {
    /// Generates a key from the system's entropy.
    ///
    /// # Errors
    ///
    /// The system has no entropy.
    pub fn generate() -> io::Result<Self> {
        Ok(Self::from_bytes(*random_secret()?))
    }

    /// Reads a key file written by `tickwire keygen` or [`write_file`](Self::write_file): the line
    /// `tickwire server key 1` and a line of 64 hexadecimal digits. Lines may end with `\r\n`; the
    /// last line end is optional.
    ///
    /// # Errors
    ///
    /// See [`KeyFileErrorKind`](crate::KeyFileErrorKind): a token key, a missing first line, and,
    /// on Unix, a file that users other than its owner can read or write are rejected.
    pub fn read_file(path: impl AsRef<Path>) -> Result<Self, KeyFileError> {
        let bytes = file::read(path.as_ref(), KeyKind::Server)?;
        Ok(Self::from_bytes(*bytes))
    }

    /// Writes the key to a new file. On Unix only its owner can read or write it; elsewhere the
    /// folder's permissions apply.
    ///
    /// # Errors
    ///
    /// The file exists (it is not changed), or the system cannot write it.
    pub fn write_file(&self, path: impl AsRef<Path>) -> Result<(), KeyFileError> {
        file::write_new(path.as_ref(), KeyKind::Server, self.secret_bytes())
    }

    /// Like [`write_file`](Self::write_file), but replaces an existing file atomically: readers see
    /// the old or the new key, and the old key remains on error.
    ///
    /// # Errors
    ///
    /// The path is not a regular file, or the system cannot write it.
    pub fn replace_file(&self, path: impl AsRef<Path>) -> Result<(), KeyFileError> {
        file::replace(path.as_ref(), KeyKind::Server, self.secret_bytes())
    }
}

pub(crate) fn random_secret() -> io::Result<Zeroizing<[u8; 32]>> {
    let mut bytes = Zeroizing::new([0; 32]);
    getrandom::fill(&mut *bytes)?;
    Ok(bytes)
}
