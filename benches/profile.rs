//! That the profiler holds out at full speed: `make prove-profile`.
//!
//! Runs against the null server with `--profile`, each as fast as the machine goes: a run that crashes, or of
//! which less than 99 % of the samples reach their thread's root, fails. Every other run takes the native profile
//! alone, so that what the script's own costs can be read off too.
#![expect(clippy::print_stdout, reason = "the table is what this program is for")]

mod process;

use std::process::{ExitCode, Stdio};

use process::{NullServer, command, runner, script, setting};

/// The least share of samples whose stack is known to the thread's root, in per cent.
const ROOTED_MIN: f64 = 99.0;

struct Round {
    rate_per_s: f64,
    samples: u64,
    rooted: f64,
    lost: u64,
}

fn play(server: &NullServer, seconds: u32, native: bool) -> Result<Round, String> {
    let folder = std::env::temp_dir().join(format!("runner-profile-{}", std::process::id()));
    let mut call = command(None, &runner());
    call.args(["run", "--quiet"])
        .arg(script("http_check.rhai"))
        .arg(format!("--profile={}", folder.display()));
    if native {
        call.arg("--profile-native");
    }
    call.env("TARGET_URL", server.url()).env("DURATION", format!("{seconds}s")).env("NO_COLOR", "1");
    let output = call.stdin(Stdio::null()).output().map_err(|error| error.to_string())?;
    let _ = std::fs::remove_dir_all(&folder);
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let said = || format!("{}\n{text}{}", output.status, String::from_utf8_lossy(&output.stderr));
    // Whether the machine was the limit is not what is asked here.
    if !matches!(output.status.code(), Some(0 | 111)) {
        return Err(said());
    }
    let read = || {
        let number = |word: &str| word.trim_matches(['>', '%']).replace(',', "").parse::<f64>().ok();
        let line = text.lines().find(|line| line.contains(" reach their thread's root"))?;
        let mut parts = line.trim().split(" · ");
        let (samples, rooted, lost) = (parts.next()?, parts.next()?, parts.next()?);
        let word = |part: &str| number(part.trim().split(' ').next()?);
        let requests = text.lines().find(|line| line.trim_start().starts_with("http_reqs"))?;
        let rate = requests.split_whitespace().find_map(|word| number(word.strip_suffix("/s")?))?;
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "counts")]
        let (samples, lost) = (word(samples)? as u64, word(lost)? as u64);
        Some(Round { rate_per_s: rate, samples, rooted: word(rooted)?, lost })
    };
    read().ok_or_else(said)
}

fn median(mut rates: Vec<f64>) -> f64 {
    rates.sort_by(f64::total_cmp);
    rates.get(rates.len() / 2).copied().unwrap_or(f64::NAN)
}

fn main() -> ExitCode {
    let (runs, seconds) = (setting("BENCH_ROUNDS", 50), setting("BENCH_SECONDS", 2));
    let server = match NullServer::start() {
        Ok(server) => server,
        Err(error) => {
            println!("the null server did not start: {error}");
            return ExitCode::FAILURE;
        }
    };
    let (mut rounds, mut crashes): (Vec<(bool, Round)>, u32) = (Vec::new(), 0);
    for run in 0..runs {
        let native = run % 2 == 1;
        match play(&server, seconds, native) {
            Ok(round) => {
                println!(
                    "{:>2} {} {:>9.0} requests/s {:>6} samples {:>6.2} % to the root {:>3} lost",
                    run + 1,
                    if native { "native" } else { "both  " },
                    round.rate_per_s,
                    round.samples,
                    round.rooted,
                    round.lost
                );
                rounds.push((native, round));
            }
            Err(text) => {
                println!("{:>2} failed: {text}", run + 1);
                crashes += 1;
            }
        }
    }
    let rates =
        |kind: bool| rounds.iter().filter(move |(native, _)| *native == kind).map(|(_, one)| one.rate_per_s);
    let worst = rounds.iter().map(|(_, round)| round.rooted).fold(100.0, f64::min);
    let (samples, lost) = rounds
        .iter()
        .fold((0, 0), |(samples, lost), (_, round)| (samples + round.samples, lost + round.lost));
    println!(
        "{runs} runs of {seconds} s: {crashes} crashed or failed; worst share to the root {worst:.2} %; {lost} of {} samples lost; median {:.0} requests/s natively, {:.0} with the script's time",
        samples + lost,
        median(rates(true).collect()),
        median(rates(false).collect()),
    );
    if crashes == 0 && worst >= ROOTED_MIN { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
