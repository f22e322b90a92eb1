//! How the server protects its packets.

use std::path::PathBuf;

use tickwire::limits::HANDSHAKES_MAX;
use tickwire::{Config, NoiseConfig, PrivateKey, Security};

use crate::error::CliError;
use crate::number;
use crate::protocol::ProtocolId;

#[derive(Debug, clap::Args)]
#[command(next_help_heading = "Encryption")]
pub(super) struct SecurityOptions {
    /// File with the server's private key
    ///
    /// As written by `keygen`. Without it, the server generates a key and discards it at the end.
    #[arg(long, value_name = "FILE")]
    pub(super) key: Option<PathBuf>,

    /// Handshakes per second
    ///
    /// 1 to 1000000. Clients beyond that rate retry.
    #[arg(long, value_name = "PER_SECOND", default_value_t = NoiseConfig::default().handshakes_per_second,
          value_parser = number::between::<u32>(1, u64::from(HANDSHAKES_MAX)),
          allow_negative_numbers = true)]
    handshake_rate: u32,

    /// Disables encryption
    ///
    /// Any host on the network path can then read and forge packets.
    #[arg(long, conflicts_with_all = ["key", "handshake_rate"])]
    pub(super) plain: bool,
}

impl SecurityOptions {
    pub(super) fn config(&self, ProtocolId(protocol_id): ProtocolId) -> Result<Config, CliError> {
        if self.plain {
            return Ok(Config::plain(protocol_id));
        }
        let key = self.key.as_ref().map(PrivateKey::read_file).transpose()?;
        let mut config = Config::noise(protocol_id);
        if let Security::Noise(noise) = &mut config.security {
            noise.private_key = key;
            noise.handshakes_per_second = self.handshake_rate;
        }
        Ok(config)
    }
}
