//! The `runner` command: parses the command line, dispatches, returns an exit code.

use std::process::ExitCode;

// The interpreter allocates many small values a request; this allocator serves them from
// per-thread pages.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    runner::fiber::report_overflows();
    runner::cli::main()
}
