//! Secrets out of the system's entropy, and in files.

use std::io;
use std::path::Path;

use zeroize::Zeroizing;

use crate::keys::PrivateKey;
use crate::keys::file;
use crate::keys::file::KeyFileError;
use crate::token::{TokenId, TokenKey};

impl PrivateKey {
    /// A new one, from the system's entropy.
    ///
    /// # Errors
    ///
    /// The system has none.
    pub fn generate() -> io::Result<Self> {
        let mut bytes = Zeroizing::new([0; 32]);
        getrandom::fill(&mut *bytes)?;
        Ok(Self::from_bytes(*bytes))
    }

    /// The key in a file that `tickwire keygen` or [`write_file`](Self::write_file) made: 64 hexadecimal
    /// digits and the end of the line.
    ///
    /// # Errors
    ///
    /// Why it is none, in a sentence that names the file and not what is in it. On Unix a file that others
    /// than its owner may read or write is refused.
    pub fn read_file(path: impl AsRef<Path>) -> Result<Self, KeyFileError> {
        let bytes = file::read(path.as_ref())?;
        Ok(Self::from_bytes(*bytes))
    }

    /// Writes it to a new file, which on Unix its owner alone can read or write. Elsewhere that is left to
    /// the folder.
    ///
    /// # Errors
    ///
    /// There is such a file, and it is left as it is; or the system refuses.
    pub fn write_file(&self, path: impl AsRef<Path>) -> Result<(), KeyFileError> {
        file::write_new(path.as_ref(), self.secret_bytes())
    }

    /// As [`write_file`](Self::write_file), in place of whatever is there. Whoever reads the file meanwhile
    /// finds the old key or the new one, and if it fails, the old one.
    ///
    /// # Errors
    ///
    /// The system refuses.
    pub fn replace_file(&self, path: impl AsRef<Path>) -> Result<(), KeyFileError> {
        file::replace(path.as_ref(), self.secret_bytes())
    }
}

impl TokenKey {
    /// A new one, from the system's entropy.
    ///
    /// # Errors
    ///
    /// The system has none.
    pub fn generate() -> io::Result<Self> {
        let mut bytes = Zeroizing::new([0; 32]);
        getrandom::fill(&mut *bytes)?;
        Ok(Self::from_bytes(*bytes))
    }

    /// The key in a file, as [`PrivateKey::read_file`]. `tickwire keygen --token` makes one.
    ///
    /// # Errors
    ///
    /// As there.
    pub fn read_file(path: impl AsRef<Path>) -> Result<Self, KeyFileError> {
        let bytes = file::read(path.as_ref())?;
        Ok(Self::from_bytes(*bytes))
    }

    /// Writes it to a new file, as [`PrivateKey::write_file`].
    ///
    /// # Errors
    ///
    /// As there.
    pub fn write_file(&self, path: impl AsRef<Path>) -> Result<(), KeyFileError> {
        file::write_new(path.as_ref(), self.secret_bytes())
    }

    /// Writes it in place of whatever is there, as [`PrivateKey::replace_file`].
    ///
    /// # Errors
    ///
    /// As there.
    pub fn replace_file(&self, path: impl AsRef<Path>) -> Result<(), KeyFileError> {
        file::replace(path.as_ref(), self.secret_bytes())
    }
}

impl TokenId {
    /// A new one, from the system's entropy: nobody draws the same one again.
    ///
    /// # Errors
    ///
    /// The system has none.
    pub fn generate() -> io::Result<Self> {
        let mut bytes = [0; 16];
        getrandom::fill(&mut bytes)?;
        Ok(Self::from_bytes(bytes))
    }
}
