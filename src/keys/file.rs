//! A secret of 32 bytes in a file: 64 hexadecimal digits and the end of the line, for its owner alone.
//!
//! No error says anything of what is in the file: it may be almost a key.

use std::error;
use std::fmt;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};
use std::process;

use zeroize::Zeroizing;

use crate::keys::{KeyParseError, parse_hex};

/// What is read of a file at most, in bytes: more than a key with the end of its line has, so that a
/// longer file is seen to be none.
const READ_MAX: usize = 80;
const HEX: &[u8; 16] = b"0123456789abcdef";

/// Why a key file cannot be read or written: a sentence that names the file.
#[derive(Debug)]
#[non_exhaustive]
pub struct KeyFileError {
    /// Which file.
    pub path: PathBuf,
    /// What is the matter with it.
    pub kind: KeyFileErrorKind,
}

/// What is the matter with a key file.
#[derive(Debug)]
#[non_exhaustive]
pub enum KeyFileErrorKind {
    /// The system does not let it be read.
    Read(io::Error),
    /// The system does not let it be written.
    Write(io::Error),
    /// It is there already, and nothing was written.
    Exists,
    /// Others than its owner may read or write it, so it is not a secret any more.
    Exposed {
        /// Its permissions, as chmod(1) has them.
        mode: u32,
    },
    /// It holds no key.
    NoKey(KeyParseError),
}

impl fmt::Display for KeyFileError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let path = self.path.display();
        match &self.kind {
            KeyFileErrorKind::Read(error) => write!(f, "cannot read the key file {path}: {error}"),
            KeyFileErrorKind::Write(error) => {
                write!(f, "cannot write the key file {path}: {error}")
            }
            KeyFileErrorKind::Exists => write!(f, "{path} is there already, and was left as it is"),
            KeyFileErrorKind::Exposed { mode } => write!(
                f,
                "others can read or write the key file {path} (mode {mode:04o}): make a new key, or, if \
                 nobody has seen it, `chmod 600` it"
            ),
            KeyFileErrorKind::NoKey(error) => write!(f, "{path} is no key file: {error}"),
        }
    }
}

impl error::Error for KeyFileError {
    fn source(&self) -> Option<&(dyn error::Error + 'static)> {
        match &self.kind {
            KeyFileErrorKind::Read(error) | KeyFileErrorKind::Write(error) => Some(error),
            KeyFileErrorKind::NoKey(error) => Some(error),
            KeyFileErrorKind::Exists | KeyFileErrorKind::Exposed { .. } => None,
        }
    }
}

impl KeyFileErrorKind {
    fn of(self, path: &Path) -> KeyFileError {
        KeyFileError {
            path: path.to_owned(),
            kind: self,
        }
    }
}

/// The secret in a file.
pub(super) fn read(path: &Path) -> Result<Zeroizing<[u8; 32]>, KeyFileError> {
    read_open(path).map_err(|kind| kind.of(path))
}

fn read_open(path: &Path) -> Result<Zeroizing<[u8; 32]>, KeyFileErrorKind> {
    let mut file = File::open(path).map_err(KeyFileErrorKind::Read)?;
    check_permissions(&file)?;
    let mut buffer = Zeroizing::new([0; READ_MAX]);
    let len = read_all(&mut file, &mut *buffer).map_err(KeyFileErrorKind::Read)?;
    let mut secret = Zeroizing::new([0; 32]);
    parse_hex(without_line_end(&buffer[..len]), &mut secret).map_err(KeyFileErrorKind::NoKey)?;
    Ok(secret)
}

/// Of the file that was opened, whatever its name means by now.
#[cfg(unix)]
fn check_permissions(file: &File) -> Result<(), KeyFileErrorKind> {
    use std::os::unix::fs::PermissionsExt;

    let metadata = file.metadata().map_err(KeyFileErrorKind::Read)?;
    let mode = metadata.permissions().mode() & 0o7777;
    if mode & 0o077 != 0 {
        return Err(KeyFileErrorKind::Exposed { mode });
    }
    Ok(())
}

#[cfg(not(unix))]
fn check_permissions(_: &File) -> Result<(), KeyFileErrorKind> {
    Ok(())
}

/// Until the end of the file or of the buffer.
fn read_all(file: &mut File, buffer: &mut [u8]) -> io::Result<usize> {
    let mut len = 0;
    while len < buffer.len() {
        match file.read(&mut buffer[len..]) {
            Ok(0) => break,
            Ok(more) => len += more,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(len)
}

fn without_line_end(text: &[u8]) -> &[u8] {
    let text = text.strip_suffix(b"\n").unwrap_or(text);
    text.strip_suffix(b"\r").unwrap_or(text)
}

/// Makes a file that was not there.
pub(super) fn write_new(path: &Path, secret: &[u8; 32]) -> Result<(), KeyFileError> {
    create(path, secret).map_err(|error| match error.kind() {
        io::ErrorKind::AlreadyExists => KeyFileErrorKind::Exists.of(path),
        _ => KeyFileErrorKind::Write(error).of(path),
    })
}

/// Makes a file beside the old one, so that its permissions are not those of the old one, and puts it in
/// its place.
pub(super) fn replace(path: &Path, secret: &[u8; 32]) -> Result<(), KeyFileError> {
    let mut new = path.as_os_str().to_owned();
    new.push(format!(".{}.new", process::id()));
    let new = PathBuf::from(new);
    let replaced = create(&new, secret).and_then(|()| {
        fs::rename(&new, path).inspect_err(|_| {
            // The error that is told is the one of the rename.
            let _ = fs::remove_file(&new);
        })
    });
    replaced.map_err(|error| KeyFileErrorKind::Write(error).of(path))
}

fn create(path: &Path, secret: &[u8; 32]) -> io::Result<()> {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut file = options.open(path)?;
    let written = file
        .write_all(&*line(secret))
        .and_then(|()| file.sync_all());
    written.inspect_err(|_| {
        // Half a key is none, and would be in the way of the next attempt.
        let _ = fs::remove_file(path);
    })
}

fn line(secret: &[u8; 32]) -> Zeroizing<[u8; 65]> {
    let mut line = Zeroizing::new([b'\n'; 65]);
    for (digits, byte) in line.chunks_exact_mut(2).zip(secret) {
        digits[0] = HEX[usize::from(byte >> 4)];
        digits[1] = HEX[usize::from(byte & 15)];
    }
    line
}

#[cfg(all(test, unix))]
mod tests {
    use std::os::unix::fs::{PermissionsExt, symlink};
    use std::sync::atomic::{AtomicU32, Ordering};

    use super::*;
    use crate::keys::PrivateKey;

    const SECRET: [u8; 32] = *b"\x00\x01\x02\x03\x0a\xa0\xff456789abcdefghijklmnopqrs";

    /// A folder of the test's own, removed when it is over.
    struct Folder(PathBuf);

    impl Folder {
        fn new() -> Self {
            static COUNT: AtomicU32 = AtomicU32::new(0);
            let count = COUNT.fetch_add(1, Ordering::Relaxed);
            let name = format!("tickwire-key-file-{}-{count}", process::id());
            let path = std::env::temp_dir().join(name);
            fs::create_dir(&path).unwrap();
            Self(path)
        }

        fn file(&self, name: &str, text: &[u8], mode: u32) -> PathBuf {
            let path = self.0.join(name);
            fs::write(&path, text).unwrap();
            fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
            path
        }

        fn names(&self) -> Vec<String> {
            let entries = fs::read_dir(&self.0).unwrap();
            let name = |entry: io::Result<fs::DirEntry>| entry.unwrap().file_name();
            let mut names: Vec<_> = entries
                .map(|entry| name(entry).into_string().unwrap())
                .collect();
            names.sort();
            names
        }
    }

    impl Drop for Folder {
        fn drop(&mut self) {
            let _ = fs::remove_dir_all(&self.0);
        }
    }

    fn mode(path: &Path) -> u32 {
        fs::metadata(path).unwrap().permissions().mode() & 0o7777
    }

    #[test]
    fn a_key_that_is_written_is_read_again_and_is_for_its_owner_alone() {
        let folder = Folder::new();
        let path = folder.0.join("server.key");
        write_new(&path, &SECRET).unwrap();
        assert_eq!(*read(&path).unwrap(), SECRET);
        assert_eq!(mode(&path) & 0o077, 0);
        let text = fs::read_to_string(&path).unwrap();
        assert_eq!(text.len(), 65);
        assert!(text.starts_with("000102030aa0ff34") && text.ends_with('\n'));
        assert_eq!(folder.names(), ["server.key"]);
    }

    #[test]
    fn a_file_that_is_there_is_left_as_it_is() {
        let folder = Folder::new();
        let path = folder.file("server.key", b"precious", 0o600);
        let error = write_new(&path, &SECRET).unwrap_err();
        assert!(matches!(error.kind, KeyFileErrorKind::Exists), "{error:?}");
        assert!(
            error
                .to_string()
                .ends_with("server.key is there already, and was left as it is")
        );
        assert_eq!(fs::read(&path).unwrap(), b"precious");
        // A link that leads nowhere is something that is there as well.
        let link = folder.0.join("link.key");
        symlink(folder.0.join("nowhere"), &link).unwrap();
        assert!(write_new(&link, &SECRET).is_err());
        assert_eq!(folder.names(), ["link.key", "server.key"]);
    }

    #[test]
    fn a_replaced_file_does_not_keep_its_permissions() {
        let folder = Folder::new();
        let path = folder.file("server.key", b"old", 0o644);
        replace(&path, &SECRET).unwrap();
        assert_eq!(*read(&path).unwrap(), SECRET);
        assert_eq!(mode(&path), 0o600);
        assert_eq!(folder.names(), ["server.key"]);
        // And where there was none, there is one.
        replace(&folder.0.join("new.key"), &SECRET).unwrap();
        assert_eq!(folder.names(), ["new.key", "server.key"]);
    }

    #[test]
    fn what_cannot_be_replaced_leaves_nothing_behind() {
        let folder = Folder::new();
        fs::create_dir(folder.0.join("server.key")).unwrap();
        let error = replace(&folder.0.join("server.key"), &SECRET).unwrap_err();
        assert!(
            matches!(error.kind, KeyFileErrorKind::Write(_)),
            "{error:?}"
        );
        assert_eq!(folder.names(), ["server.key"]);
    }

    #[test]
    fn a_file_that_others_can_read_or_write_is_refused_with_its_permissions() {
        let folder = Folder::new();
        let text = "00".repeat(32);
        for loose in [0o644, 0o640, 0o620, 0o601, 0o660] {
            let path = folder.file("server.key", text.as_bytes(), loose);
            let error = read(&path).unwrap_err().to_string();
            assert!(error.contains(&format!("(mode 0{loose:o})")), "{error}");
        }
        for tight in [0o600, 0o400, 0o700] {
            let path = folder.file("server.key", text.as_bytes(), tight);
            assert!(read(&path).is_ok(), "{tight:o}");
        }
    }

    #[test]
    fn a_garbled_file_is_refused_and_not_shown() {
        let folder = Folder::new();
        let good = "a1".repeat(32);
        for end in ["", "\n", "\r\n"] {
            let path = folder.file("k", format!("{good}{end}").as_bytes(), 0o600);
            assert!(PrivateKey::read_file(path).is_ok(), "{end:?}");
        }
        let wrong = [
            (String::new(), "64 hexadecimal digits, this has 0 bytes"),
            (good[1..].to_owned(), "this has 63 bytes"),
            (format!("{good}\n\n"), "this has 65 bytes"),
            (format!(" {good}"), "this has 65 bytes"),
            (good.repeat(1000), "this has 80 bytes"),
            (good.replacen("a1a", "a1g", 1), "byte 3 of the key is not"),
        ];
        for (text, why) in wrong {
            let path = folder.file("k", text.as_bytes(), 0o600);
            let error = PrivateKey::read_file(path).unwrap_err();
            assert!(error.to_string().contains(why), "{error}");
            assert!(!format!("{error} {error:?}").contains("a1a1"), "{error:?}");
        }
    }

    #[test]
    fn what_is_no_file_is_an_error_of_the_system() {
        let folder = Folder::new();
        let error = read(&folder.0.join("none")).unwrap_err();
        assert!(matches!(error.kind, KeyFileErrorKind::Read(_)));
        assert!(error.to_string().starts_with("cannot read the key file "));
    }

    #[test]
    fn two_keys_that_are_drawn_are_not_the_same() {
        let draw = || PrivateKey::generate().unwrap().public_key();
        assert_ne!(draw(), draw());
    }
}
