#!/usr/bin/env bash
# Changes the code that decides (targets' verdicts, quantiles, demand, books) a mutant at a time, and looks whether the
# unit tests notice: `MUTANTS=200 SEED=8 tests/mutants.sh`. Fails when fewer than 95 % of those that compile are caught.
#
# Building the whole library for each of 200 mutants takes hours. So the rooms in question, which import nothing
# below them, are copied into a crate of their own under `target/mutants`, with their tests; of `engine` the books alone.
# Mutants are drawn with a seed from all that cargo-mutants knows to make.
set -euo pipefail
cd "$(dirname "$0")/.."

count=${MUTANTS:-200}
seed=${SEED:-8}
jobs=${JOBS:-2}
folder=target/mutants
crate=$folder/crate

command -v cargo-mutants >/dev/null || cargo install --locked cargo-mutants

rm -rf "$crate"
mkdir -p "$crate/src/engine" "$crate/docs"
cp -r src/units src/units.rs src/diagnostic src/stats src/metrics src/plan "$crate/src/"
cp src/engine/books.rs src/engine/ledger.rs "$crate/src/engine/"
cp docs/network.md "$crate/docs/" # a test of `plan` reads it
cp Cargo.lock "$crate/"

# The manifest is ours, less the packages that those rooms don't name.
{
    printf '[package]\nname = "runner"\nversion = "0.0.0"\nedition = "2024"\npublish = false\n[workspace]\n'
    awk '/^\[/ { keep = /^\[(dev-)?dependencies\]/ } keep' Cargo.toml | while IFS= read -r line; do
        name=$(sed 's/ *=.*//; s/-/_/g' <<< "$line")
        if [[ $line == \[* ]] || grep --quiet --recursive --extended-regexp "\b$name(::|!)" "$crate/src"; then
            printf '%s\n' "$line"
        fi
    done
    printf '[profile.dev]\ndebug = false\n[profile.dev.package."*"]\nopt-level = 2\n'
} > "$crate/Cargo.toml"

# A property is tried on fewer cases: with all of them a mutant takes three times as long.
grep --recursive --files-with-matches 'with_cases(' "$crate/src" \
    | xargs sed --in-place 's/with_cases([0-9]*)/with_cases(24)/'

cat > "$crate/src/lib.rs" <<'RUST'
//! The rooms of `runner` that decide, apart from the rest: made by tests/mutants.sh.
#![allow(dead_code, unused_imports, missing_docs)]
pub mod units;
pub mod diagnostic;
pub mod stats;
pub mod metrics;
pub mod plan;
pub mod engine {
    mod books;
    mod ledger;
    pub use books::*;
}
RUST

files=(
    src/plan/verdict.rs
    src/plan/demand.rs src/plan/curve.rs src/plan/rate_curve.rs src/plan/schedule.rs src/plan/stripe.rs src/plan/slots.rs
    src/metrics/histogram.rs src/metrics/pile.rs
    src/engine/books.rs src/engine/ledger.rs
)
for file in src/stats/quantile.rs; do
    if [[ -e $file ]]; then files+=("$file"); fi
done
only=()
for file in "${files[@]}"; do only+=(--file "$file"); done

cd "$crate"
cargo mutants --list --line-col=true "${only[@]}" > ../all.txt
# The same seed draws the same mutants of the same code.
shuf --random-source=<(yes "$seed") --head-count="$count" ../all.txt | sort > ../drawn.txt
echo "mutants: $(wc -l < ../drawn.txt) of $(wc -l < ../all.txt), drawn with seed $seed"

drawn=()
while IFS= read -r mutant; do
    drawn+=(--re "^$(sed 's/[][\.*^$+?(){}|/]/\\&/g' <<< "$mutant")\$")
done < ../drawn.txt

# The tests' long forms would take minutes a mutant: fewer random histograms, and no simulation of coverage, whose ranks
# the exact tests of `stats` hold as well.
export COUNT=${COUNT:-100}
cargo mutants "${only[@]}" "${drawn[@]}" --jobs "$jobs" --no-shuffle --timeout 120 --output .. -- --lib -- --skip coverage --skip recorder::tests::cap || true

out=../mutants.out
caught=$(wc -l < $out/caught.txt)
slow=$(wc -l < $out/timeout.txt)
missed=$(wc -l < $out/missed.txt)
unviable=$(wc -l < $out/unviable.txt)
share=$(( (caught + slow) * 1000 / (caught + slow + missed) ))
echo "mutants: $((caught + slow)) of $((caught + slow + missed)) caught (${share%?}.${share: -1} %), $slow of them by a time-out; $unviable did not compile"
cat $out/missed.txt
if (( share < 950 )); then
    echo "mutants: fewer than 95 % are caught" >&2
    exit 1
fi
