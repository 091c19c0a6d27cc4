//! The `counterfoil` command: reads its arguments, starts tracing, runs one command, and exits with
//! its code.

use std::process::ExitCode;

use counterfoil::cli::{self, Failure};
use counterfoil::node::Program;
use zeroizing_alloc::ZeroAlloc;

/// Overwrites what is freed, so that records and keys do not outlast their use.
#[global_allocator]
static ALLOCATOR: ZeroAlloc<std::alloc::System> = ZeroAlloc(std::alloc::System);

fn main() -> ExitCode {
    let invocation = match cli::parse(std::env::args_os(), std::env::vars_os()) {
        Ok(invocation) => invocation,
        Err(code) => return code,
    };
    invocation.share_heap();
    invocation.start_tracing();
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build();
    match runtime {
        Ok(runtime) => runtime.block_on(cli::run(invocation, &Program)),
        Err(error) => {
            let message = format!("no threads could be started: {error}");
            invocation.fail(&Failure::new(
                "internal",
                message,
                "check the limits of this user",
            ))
        }
    }
}
