//! x
use crate::cli::Failure;
use crate::cli::host::{DemoRun, DemoStory};
/// x
pub async fn run(_demo: DemoRun, _show: impl FnOnce(DemoStory) + Send) -> Result<(), Failure> {
    Err(Failure::new("x", "x", ""))
}
