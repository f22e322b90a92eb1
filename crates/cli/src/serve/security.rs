//! How the server protects its packets: with a key from a file, with a generated key, or not at all.

use std::path::PathBuf;

use clap::value_parser;
use tickwire::limits::HANDSHAKES_MAX;
use tickwire::{Config, NoiseConfig, PrivateKey, PublicKey, Security};

use crate::error::CliError;
use crate::protocol::ProtocolId;

#[derive(Debug, clap::Args)]
pub(super) struct SecurityOptions {
    /// File with the server's private key, as written by `keygen` [default: a new key that is
    /// discarded when the server ends]
    #[arg(long, value_name = "FILE")]
    key: Option<PathBuf>,

    /// Maximum handshakes per second, up to 1000000. Clients beyond that rate retry
    #[arg(long, value_name = "N", default_value_t = NoiseConfig::default().handshakes_per_second,
          value_parser = value_parser!(u32).range(1..=i64::from(HANDSHAKES_MAX)),
          allow_negative_numbers = true)]
    handshakes: u32,

    /// Disables encryption: anyone on the network path can read and forge packets
    #[arg(long, conflicts_with_all = ["key", "handshakes"])]
    plain: bool,
}

impl SecurityOptions {
    pub(super) fn config(&self, ProtocolId(protocol_id): ProtocolId) -> Result<Config, CliError> {
        if self.plain {
            return Ok(Config::plain(protocol_id));
        }
        let key = self.key.as_ref().map(PrivateKey::read_file).transpose();
        let key = key.map_err(CliError::usage)?;
        let mut config = Config::noise(protocol_id);
        if let Security::Noise(noise) = &mut config.security {
            noise.private_key = key;
            noise.handshakes_per_second = self.handshakes;
        }
        Ok(config)
    }

    /// The second line that the server prints: the key that clients should pin.
    pub(super) fn describe(&self, key: Option<PublicKey>) -> String {
        match key {
            None => "not encrypted".to_owned(),
            Some(key) if self.key.is_some() => format!("server key {key}"),
            Some(key) => format!("server key {key}, until it ends"),
        }
    }
}
