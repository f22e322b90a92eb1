//! How a server protects its packets: with a key from a file, with one that is drawn, or not at all.

use std::path::PathBuf;

use tickwire::limits::{HANDSHAKES_MAX, HANDSHAKES_PER_SECOND_DEFAULT};
use tickwire::{Config, PrivateKey, PublicKey, Security};

use crate::agreement::ProtocolId;
use crate::failure::Failure;

/// What decides about it.
#[derive(Debug, clap::Args)]
pub(super) struct ProtectionOptions {
    /// The file with the private key that the server proves itself with, as `keygen` makes it [default:
    /// draws one that ends with the server]
    #[arg(long, value_name = "FILE")]
    key: Option<PathBuf>,

    /// How many handshakes a second to do at most, up to 1000000; who is left out asks again
    #[arg(long, value_name = "N", default_value_t = HANDSHAKES_PER_SECOND_DEFAULT,
          value_parser = handshakes, allow_negative_numbers = true)]
    handshakes: u32,

    /// Without encryption: everybody on the way can read and forge what is sent
    #[arg(long, conflicts_with_all = ["key", "handshakes"])]
    plain: bool,
}

fn handshakes(text: &str) -> Result<u32, String> {
    let number = text.parse().ok();
    let number = number.filter(|number| (1..=HANDSHAKES_MAX).contains(number));
    number.ok_or_else(|| format!("1 to {HANDSHAKES_MAX} handshakes a second can be done"))
}

impl ProtectionOptions {
    pub(super) fn config(&self, ProtocolId(protocol_id): ProtocolId) -> Result<Config, Failure> {
        if self.plain {
            return Ok(Config::plain(protocol_id));
        }
        let mut config = Config::noise(protocol_id);
        if let Security::Noise(noise) = &mut config.security {
            noise.private_key = self.private_key()?;
            noise.handshakes_per_second = self.handshakes;
        }
        Ok(config)
    }

    fn private_key(&self) -> Result<Option<PrivateKey>, Failure> {
        let key = self.key.as_ref().map(PrivateKey::read_file).transpose();
        key.map_err(|error| Failure::Usage(error.to_string()))
    }

    /// What its players are to know, in a line.
    pub(super) fn tell(&self, key: Option<PublicKey>) -> String {
        match key {
            None => "not encrypted".to_owned(),
            Some(key) if self.key.is_some() => format!("server key {key}"),
            Some(key) => format!("server key {key}, until it ends"),
        }
    }
}
