//! x
use crate::cli::Failure;
use crate::cli::host::RunNode;
use crate::clock::Clock;
use crate::store::Entropy;
/// x
pub async fn run(_run: RunNode, _clock: Clock, _entropy: Entropy) -> Result<(), Failure> {
    Err(Failure::new("x", "x", ""))
}
