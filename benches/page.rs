//! Figures of `docs/performance.md` and `docs/honesty.md`: a bench that is run with `BENCH_MARKDOWN=1` replaces its own.
//!
//! Each block stands between `<!-- NAME -->` and `<!-- end NAME -->`; all else on the page is left alone.
#![allow(dead_code, reason = "each bench uses its part")]

use std::path::Path;

/// Whether the page is to be written.
pub(crate) fn is_asked_for() -> bool {
    std::env::var("BENCH_MARKDOWN").is_ok_and(|value| !matches!(value.as_str(), "" | "0"))
}

/// Replaces the block of that name in `docs/performance.md`.
pub(crate) fn write(name: &str, text: &str) -> Result<(), String> {
    write_to("docs/performance.md", name, text)
}

/// Replaces the block of that name on a page.
pub(crate) fn write_to(page: &str, name: &str, text: &str) -> Result<(), String> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(page);
    let page = std::fs::read_to_string(&path).map_err(|error| format!("{}: {error}", path.display()))?;
    let (begin, end) = (format!("<!-- {name} -->\n"), format!("<!-- end {name} -->"));
    let missing = || format!("{} has no block `{name}`", path.display());
    let (before, rest) = page.split_once(&begin).ok_or_else(missing)?;
    let (_, after) = rest.split_once(&end).ok_or_else(missing)?;
    let page = format!("{before}{begin}{}\n{end}{after}", text.trim_end());
    std::fs::write(&path, page).map_err(|error| format!("{}: {error}", path.display()))
}

/// The processor, its cores and the kernel: figures of another machine are other figures.
pub(crate) fn machine() -> String {
    let read = |path: &str| std::fs::read_to_string(path).unwrap_or_default();
    let info = read("/proc/cpuinfo");
    let model = info.lines().find_map(|line| line.strip_prefix("model name")?.split_once(": "));
    let cores = info.lines().filter(|line| line.starts_with("processor")).count();
    let kernel = read("/proc/sys/kernel/osrelease");
    format!("{}, {cores} cores, Linux {}", model.map_or("unknown processor", |(_, name)| name), kernel.trim())
}
