//! The `runner` command: parses the command line, dispatches, returns an exit code.

use std::process::ExitCode;

// The interpreter allocates many small values a request; this allocator serves them from
// per-thread pages.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    // The kernel would give the allocator huge pages, and take them, at its leisure: 11 MiB more at rest, a resident memory
    // that climbs in a flat run, and no cheaper a request (docs/performance.md). Not offered before Linux 3.15.
    let _ = rustix::thread::disable_transparent_huge_pages(true);
    runner::fiber::report_overflows();
    runner::cli::main()
}
