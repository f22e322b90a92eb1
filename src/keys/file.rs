//! Key files: two lines of text, readable and writable for their owner only.
//!
//! ```text
//! tickwire server key 1
//! 000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f
//! ```
//!
//! The first line names the kind of key and the version of the format, so that a server key and a
//! token key cannot be swapped unnoticed. The second line is the key in hexadecimal. No error
//! quotes the content, which may contain key material.

use std::error;
use std::fmt;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};
use std::process;

use zeroize::Zeroizing;

use crate::keys::{KeyParseError, parse_hex};

/// Maximum bytes read from a file: more than a key file has, so that a longer file is detected.
const READ_MAX: usize = 128;
/// `tickwire server key 1`, 64 digits, and two line ends of two bytes.
const FILE_MAX: usize = 21 + 64 + 4;
const _: () = assert!(FILE_MAX < READ_MAX);
const HEX: &[u8; 16] = b"0123456789abcdef";

/// Kind of a key file, named by its first line.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum KeyKind {
    /// A server's [`PrivateKey`](crate::PrivateKey).
    Server,
    /// A [`TokenKey`](crate::token::TokenKey).
    Token,
}

impl KeyKind {
    const ALL: [Self; 2] = [Self::Server, Self::Token];

    /// The first line of a file.
    const fn tag(self) -> &'static str {
        match self {
            Self::Server => "tickwire server key 1",
            Self::Token => "tickwire token key 1",
        }
    }
}

const _: () = {
    assert!(KeyKind::Server.tag().len() + 64 + 4 <= FILE_MAX);
    assert!(KeyKind::Token.tag().len() + 64 + 4 <= FILE_MAX);
};

/// `server key` or `token key`.
impl fmt::Display for KeyKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Server => "server key",
            Self::Token => "token key",
        })
    }
}

/// Why a key file cannot be read or written. The text names the file and never quotes its content.
#[derive(Debug)]
#[non_exhaustive]
pub struct KeyFileError {
    /// The file.
    pub path: PathBuf,
    /// The cause.
    pub kind: KeyFileErrorKind,
}

/// The cause of a [`KeyFileError`].
#[derive(Debug)]
#[non_exhaustive]
pub enum KeyFileErrorKind {
    /// The system cannot read the file.
    Read(io::Error),
    /// The system cannot write the file.
    Write(io::Error),
    /// The file exists already and was not changed.
    Exists,
    /// Users other than the owner can read or write the file. Only on Unix.
    Exposed {
        /// Its permissions, as in chmod(1).
        mode: u32,
    },
    /// The file contains a key of another kind.
    WrongKind {
        /// The requested kind.
        expected: KeyKind,
        /// The kind in its first line.
        found: KeyKind,
    },
    /// The file contains a key, but no first line with its kind. The text states the line to
    /// insert.
    Untagged {
        /// The requested kind.
        expected: KeyKind,
    },
    /// The first line is not that of a key file of this version.
    NotAKeyFile {
        /// The requested kind.
        expected: KeyKind,
    },
    /// The second line is not a key.
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
            KeyFileErrorKind::Exists => {
                write!(f, "key file {path} exists already and was not changed")
            }
            KeyFileErrorKind::Exposed { mode } => write!(
                f,
                "other users can read or write the key file {path} (mode {mode:04o}): generate a new key, or \
                 `chmod 600` the file if no other user can have read it"
            ),
            KeyFileErrorKind::WrongKind { expected, found } => {
                write!(
                    f,
                    "key file {path} holds a {found}, but a {expected} is needed"
                )
            }
            KeyFileErrorKind::Untagged { expected } => write!(
                f,
                "the key file {path} does not name its kind: if it holds a {expected}, insert `{}` as its \
                 first line; otherwise generate a new key",
                expected.tag()
            ),
            KeyFileErrorKind::NotAKeyFile { expected } => write!(
                f,
                "{path} is not a key file: its first line must be `{}`",
                expected.tag()
            ),
            KeyFileErrorKind::NoKey(error) => write!(f, "{path} is not a key file: {error}"),
        }
    }
}

impl error::Error for KeyFileError {
    fn source(&self) -> Option<&(dyn error::Error + 'static)> {
        match &self.kind {
            KeyFileErrorKind::Read(error) | KeyFileErrorKind::Write(error) => Some(error),
            KeyFileErrorKind::NoKey(error) => Some(error),
            KeyFileErrorKind::Exists
            | KeyFileErrorKind::Exposed { .. }
            | KeyFileErrorKind::WrongKind { .. }
            | KeyFileErrorKind::Untagged { .. }
            | KeyFileErrorKind::NotAKeyFile { .. } => None,
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

pub(crate) fn read(path: &Path, kind: KeyKind) -> Result<Zeroizing<[u8; 32]>, KeyFileError> {
    read_open(path, kind).map_err(|error| error.of(path))
}

fn read_open(path: &Path, kind: KeyKind) -> Result<Zeroizing<[u8; 32]>, KeyFileErrorKind> {
    let mut file = File::open(path).map_err(KeyFileErrorKind::Read)?;
    check_permissions(&file)?;
    let mut buffer = Zeroizing::new([0; READ_MAX]);
    let len = read_all(&mut file, &mut *buffer).map_err(KeyFileErrorKind::Read)?;
    parse(&buffer[..len], kind)
}

fn parse(text: &[u8], expected: KeyKind) -> Result<Zeroizing<[u8; 32]>, KeyFileErrorKind> {
    let mut secret = Zeroizing::new([0; 32]);
    let Some((found, key)) = split_tag(text) else {
        let is_key = parse_hex(without_line_end(text), &mut secret).is_ok();
        return Err(if is_key {
            KeyFileErrorKind::Untagged { expected }
        } else {
            KeyFileErrorKind::NotAKeyFile { expected }
        });
    };
    if found != expected {
        return Err(KeyFileErrorKind::WrongKind { expected, found });
    }
    parse_hex(without_line_end(key), &mut secret).map_err(KeyFileErrorKind::NoKey)?;
    Ok(secret)
}

/// The kind in the first line, and the rest of the file.
fn split_tag(text: &[u8]) -> Option<(KeyKind, &[u8])> {
    let end = text.iter().position(|byte| *byte == b'\n')?;
    let (line, rest) = text.split_at(end + 1);
    let line = without_line_end(line);
    let mut kinds = KeyKind::ALL.into_iter();
    let kind = kinds.find(|kind| kind.tag().as_bytes() == line)?;
    Some((kind, rest))
}

/// Checks the open file, because the path may name another file by now.
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

pub(crate) fn write_new(path: &Path, kind: KeyKind, secret: &[u8; 32]) -> Result<(), KeyFileError> {
    create(path, kind, secret).map_err(|error| match error.kind() {
        io::ErrorKind::AlreadyExists => KeyFileErrorKind::Exists.of(path),
        _ => KeyFileErrorKind::Write(error).of(path),
    })
}

/// Creates a new file, which does not inherit the permissions of the old one, and renames it.
pub(crate) fn replace(path: &Path, kind: KeyKind, secret: &[u8; 32]) -> Result<(), KeyFileError> {
    check_replaceable(path).map_err(|error| KeyFileErrorKind::Write(error).of(path))?;
    let mut new = path.as_os_str().to_owned();
    new.push(format!(".{}.new", process::id()));
    let new = PathBuf::from(new);
    let replaced = create(&new, kind, secret).and_then(|()| {
        fs::rename(&new, path).inspect_err(|_| {
            // The error of the rename is reported.
            let _ = fs::remove_file(&new);
        })
    });
    replaced.map_err(|error| KeyFileErrorKind::Write(error).of(path))
}

/// A rename would also replace a device or a socket, such as /dev/null or /dev/stdout.
fn check_replaceable(path: &Path) -> io::Result<()> {
    match fs::metadata(path) {
        Ok(metadata) if !metadata.is_file() => Err(io::Error::new(
            io::ErrorKind::InvalidInput,
            "it exists and is not a regular file",
        )),
        _ => Ok(()),
    }
}

fn create(path: &Path, kind: KeyKind, secret: &[u8; 32]) -> io::Result<()> {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut file = options.open(path)?;
    let written = file
        .write_all(&text(kind, secret))
        .and_then(|()| file.sync_all());
    written.inspect_err(|_| {
        // A partial file would block the next attempt.
        let _ = fs::remove_file(path);
    })
}

/// Content of a file. The buffer never grows, so it leaves no copy of the key in memory.
fn text(kind: KeyKind, secret: &[u8; 32]) -> Zeroizing<Vec<u8>> {
    let mut text = Zeroizing::new(Vec::with_capacity(FILE_MAX));
    text.extend_from_slice(kind.tag().as_bytes());
    text.push(b'\n');
    for byte in secret {
        text.push(HEX[usize::from(byte >> 4)]);
        text.push(HEX[usize::from(byte & 15)]);
    }
    text.push(b'\n');
    text
}

#[cfg(all(test, unix))]
mod tests {
    use std::os::unix::fs::{PermissionsExt, symlink};
    use std::sync::atomic::{AtomicU32, Ordering};

    use super::*;
    use crate::keys::PrivateKey;
    use crate::token::TokenKey;

    use super::KeyKind::{Server, Token};

    const SECRET: [u8; 32] = *b"\x00\x01\x02\x03\x0a\xa0\xff456789abcdefghijklmnopqrs";

    /// A temporary folder, removed on drop.
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
    fn reads_back_a_written_key_that_only_its_owner_can_access() {
        let folder = Folder::new();
        let path = folder.0.join("server.key");
        write_new(&path, Server, &SECRET).unwrap();
        assert_eq!(*read(&path, Server).unwrap(), SECRET);
        assert_eq!(mode(&path) & 0o077, 0);
        let text = fs::read_to_string(&path).unwrap();
        let (tag, key) = text.split_once('\n').unwrap();
        assert_eq!(tag, "tickwire server key 1");
        assert_eq!(key.len(), 65);
        assert!(key.starts_with("000102030aa0ff34") && key.ends_with('\n'));
        assert_eq!(folder.names(), ["server.key"]);
    }

    #[test]
    fn does_not_overwrite_an_existing_file() {
        let folder = Folder::new();
        let path = folder.file("server.key", b"precious", 0o600);
        let error = write_new(&path, Server, &SECRET).unwrap_err();
        assert!(matches!(error.kind, KeyFileErrorKind::Exists), "{error:?}");
        assert!(
            error
                .to_string()
                .ends_with("server.key exists already and was not changed")
        );
        assert_eq!(fs::read(&path).unwrap(), b"precious");
        // A dangling symbolic link counts as an existing file.
        let link = folder.0.join("link.key");
        symlink(folder.0.join("nowhere"), &link).unwrap();
        assert!(write_new(&link, Server, &SECRET).is_err());
        assert_eq!(folder.names(), ["link.key", "server.key"]);
    }

    #[test]
    fn replacing_a_file_does_not_keep_its_permissions() {
        let folder = Folder::new();
        let path = folder.file("server.key", b"old", 0o644);
        replace(&path, Token, &SECRET).unwrap();
        assert_eq!(*read(&path, Token).unwrap(), SECRET);
        assert_eq!(mode(&path), 0o600);
        assert_eq!(folder.names(), ["server.key"]);
        // Also creates a missing file.
        replace(&folder.0.join("new.key"), Server, &SECRET).unwrap();
        assert_eq!(folder.names(), ["new.key", "server.key"]);
    }

    #[test]
    fn replaces_only_regular_files() {
        use std::os::unix::fs::FileTypeExt;
        use std::os::unix::net::UnixDatagram;

        let folder = Folder::new();
        let (socket, link) = (folder.0.join("socket"), folder.0.join("link"));
        let _bound = UnixDatagram::bind(&socket).unwrap();
        symlink(&socket, &link).unwrap();
        for path in [&socket, &link] {
            let error = replace(path, Server, &SECRET).unwrap_err().to_string();
            assert!(error.ends_with("is not a regular file"), "{error}");
        }
        assert!(fs::metadata(&link).unwrap().file_type().is_socket());
        assert_eq!(folder.names(), ["link", "socket"]);
    }

    #[test]
    fn a_failed_replacement_leaves_no_file_behind() {
        let folder = Folder::new();
        fs::create_dir(folder.0.join("server.key")).unwrap();
        let error = replace(&folder.0.join("server.key"), Server, &SECRET).unwrap_err();
        assert!(
            matches!(error.kind, KeyFileErrorKind::Write(_)),
            "{error:?}"
        );
        assert_eq!(folder.names(), ["server.key"]);
    }

    #[test]
    fn rejects_a_file_that_other_users_can_access_and_names_its_mode() {
        let folder = Folder::new();
        let text = format!("tickwire server key 1\n{}\n", "00".repeat(32));
        for loose in [0o644, 0o640, 0o620, 0o601, 0o660] {
            let path = folder.file("server.key", text.as_bytes(), loose);
            let error = read(&path, Server).unwrap_err().to_string();
            assert!(error.contains(&format!("(mode 0{loose:o})")), "{error}");
        }
        for tight in [0o600, 0o400, 0o700] {
            let path = folder.file("server.key", text.as_bytes(), tight);
            assert!(read(&path, Server).is_ok(), "{tight:o}");
        }
    }

    #[test]
    fn rejects_a_malformed_file_without_repeating_its_content() {
        let folder = Folder::new();
        let good = "a1".repeat(32);
        let tag = "tickwire server key 1";
        for end in ["", "\n", "\r\n"] {
            for line_end in ["\n", "\r\n"] {
                let text = format!("{tag}{line_end}{good}{end}");
                let path = folder.file("k", text.as_bytes(), 0o600);
                assert!(PrivateKey::read_file(path).is_ok(), "{text:?}");
            }
        }
        let first_line = "its first line must be `tickwire server key 1`";
        let key = |text: &str| format!("{tag}\n{text}");
        let wrong = [
            (String::new(), first_line),
            (tag.to_owned(), first_line),
            (good[1..].to_owned(), first_line),
            (good.repeat(1000), first_line),
            (format!("\n{good}"), first_line),
            (format!("tickwire server key 2\n{good}\n"), first_line),
            (format!("tickwire server key 1 \n{good}\n"), first_line),
            (format!("{tag}{good}\n"), first_line),
            (key(""), "key is 0 bytes, but must be 64 hexadecimal digits"),
            (key(&good[1..]), "key is 63 bytes"),
            (key(&format!("{good}\n\n")), "key is 65 bytes"),
            (key(&format!(" {good}")), "key is 65 bytes"),
            (key(&good.repeat(1000)), "key is 106 bytes"),
            (
                key(&good.replacen("a1a", "a1g", 1)),
                "byte 3 of the key is not",
            ),
        ];
        for (text, why) in wrong {
            let path = folder.file("k", text.as_bytes(), 0o600);
            let error = PrivateKey::read_file(path).unwrap_err();
            assert!(error.to_string().contains(why), "{error}");
            assert!(!format!("{error} {error:?}").contains("a1a1"), "{error:?}");
        }
    }

    #[test]
    fn rejects_a_key_of_the_other_kind_and_names_both_kinds() {
        let folder = Folder::new();
        let (server, token) = (folder.0.join("server.key"), folder.0.join("token.key"));
        PrivateKey::from_bytes(SECRET).write_file(&server).unwrap();
        TokenKey::from_bytes(SECRET).write_file(&token).unwrap();
        assert!(PrivateKey::read_file(&server).is_ok());
        assert!(TokenKey::read_file(&token).is_ok());

        let error = PrivateKey::read_file(&token).unwrap_err().to_string();
        let why = "token.key holds a token key, but a server key is needed";
        assert!(error.ends_with(why), "{error}");
        let error = TokenKey::read_file(&server).unwrap_err().to_string();
        let why = "server.key holds a server key, but a token key is needed";
        assert!(error.ends_with(why), "{error}");
    }

    #[test]
    fn rejects_a_key_without_a_kind_and_names_the_missing_line() {
        let folder = Folder::new();
        let path = folder.file("old.key", "a1".repeat(32).as_bytes(), 0o600);
        let error = TokenKey::read_file(&path).unwrap_err();
        let expected = Token;
        let kind = &error.kind;
        assert!(matches!(kind, KeyFileErrorKind::Untagged { expected: of } if *of == expected));
        let error = error.to_string();
        assert!(
            error.contains("insert `tickwire token key 1` as its first line"),
            "{error}"
        );
        let tagged = format!("tickwire token key 1\n{}", "a1".repeat(32));
        let path = folder.file("old.key", tagged.as_bytes(), 0o600);
        assert!(TokenKey::read_file(&path).is_ok());
    }

    #[test]
    fn reports_the_system_error_of_a_missing_file() {
        let folder = Folder::new();
        let error = read(&folder.0.join("none"), Server).unwrap_err();
        assert!(matches!(error.kind, KeyFileErrorKind::Read(_)));
        assert!(error.to_string().starts_with("cannot read the key file "));
    }

    #[test]
    fn generated_keys_differ() {
        let draw = || PrivateKey::generate().unwrap().public_key();
        assert_ne!(draw(), draw());
    }
}
