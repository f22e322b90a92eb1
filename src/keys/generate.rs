//! Server keys that need the system: its entropy and its files.

use std::io;
use std::path::Path;

use zeroize::Zeroizing;

use crate::keys::PrivateKey;
use crate::keys::file;
use crate::keys::file::{KeyFileError, KeyKind};

impl PrivateKey {
    /// A new key from the system's entropy.
    ///
    /// # Errors
    ///
    /// The system has no entropy.
    pub fn generate() -> io::Result<Self> {
        Ok(Self::from_bytes(*random_secret()?))
    }

    /// Reads the key in a file that `tickwire keygen` or [`write_file`](Self::write_file) made: the line
    /// `tickwire server key 1` and a line of 64 hexadecimal digits. Line ends may be `\r\n`, and the last
    /// one may be missing.
    ///
    /// # Errors
    ///
    /// See [`KeyFileErrorKind`](crate::KeyFileErrorKind). A file with a token key is refused, and so is
    /// one without the first line. On Unix a file that users other than its owner may read or write is
    /// refused.
    pub fn read_file(path: impl AsRef<Path>) -> Result<Self, KeyFileError> {
        let bytes = file::read(path.as_ref(), KeyKind::Server)?;
        Ok(Self::from_bytes(*bytes))
    }

    /// Writes the key to a new file. On Unix only its owner can read or write it; elsewhere the folder
    /// decides.
    ///
    /// # Errors
    ///
    /// The file exists, and is not changed; or the system cannot write it.
    pub fn write_file(&self, path: impl AsRef<Path>) -> Result<(), KeyFileError> {
        file::write_new(path.as_ref(), KeyKind::Server, self.secret_bytes())
    }

    /// As [`write_file`](Self::write_file), but replaces an existing file. The replacement is atomic:
    /// readers see the old key or the new one, and after an error the old one is still there.
    ///
    /// # Errors
    ///
    /// The system cannot write the file.
    pub fn replace_file(&self, path: impl AsRef<Path>) -> Result<(), KeyFileError> {
        file::replace(path.as_ref(), KeyKind::Server, self.secret_bytes())
    }
}

/// 32 bytes from the system's entropy.
///
/// # Errors
///
/// The system has no entropy.
pub(crate) fn random_secret() -> io::Result<Zeroizing<[u8; 32]>> {
    let mut bytes = Zeroizing::new([0; 32]);
    getrandom::fill(&mut *bytes)?;
    Ok(bytes)
}
