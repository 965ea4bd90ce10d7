# `make` lists the targets: a line `name: ## what it does` is the documentation, `##@ Title` a group.

SHELL := bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
MAKEFLAGS += --no-print-directory

# What tests whose name holds `needs_` drive, as Debian packages.
TEST_SERVERS := curl influxdb iproute2 nghttp2-client nginx-core prometheus strace tcpdump tinyproxy-bin tmux wrk

FUZZ_RUNS ?= 500000
FUZZ_HTTP_RUNS ?= 10000000

FUZZ_JOURNAL_RUNS ?= 10000000

.PHONY: help quick test install-test-servers fmt clippy docs audit main-job fuzz fuzz-http fuzz-journal bench bench-http bench-scale bench-load bench-memory bench-script bench-journal bench-outputs bench-view bench-honesty prove-load prove-histograms prove-names prove-truth prove-rivals prove-profile soak mutants clean

help:
	@awk 'BEGIN { FS = ":.*## " } \
		/^##@ / { printf "\n%s\n", substr($$0, 5) } \
		/^[a-z-]+:.*## / { printf "  make %-22s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

##@ Every day

quick: ## the inner loop: format, lints, all tests that are short and need no server installed
	cargo fmt --check
	cargo clippy --locked --lib --bins -- -D warnings
	cargo test --locked --lib --bins --test it -- --skip full_ --skip needs_

# What holds times against a clock of its own has the machine to itself, one after another: beside a hundred servers of
# other tests it would measure those.
APART := arrivals::full packets::full rivals::full truth::full steady::full watch::full

test: install-test-servers ## install what the tests need, then run every test
	cargo test --locked -- $(addprefix --skip ,$(APART))
	cargo test --locked --test it -- $(APART) --test-threads 1

fmt: ## format the code
	cargo fmt

clippy: ## lints of all targets; a warning fails
	cargo clippy --locked --all-targets -- -D warnings

docs: ## the library's pages; a warning fails
	RUSTDOCFLAGS="-D warnings" cargo doc --locked --no-deps

##@ The whole thing

main-job: ## scripts/targets.rhai on the embedded demo, in a release build
	cargo run --locked --release -- scripts/targets.rhai

audit: ## licences, advisories and yanked crates, whenever Cargo.lock changes
	@command -v cargo-deny >/dev/null || cargo install --locked cargo-deny
	cargo deny --all-features check

fuzz: fuzz-http fuzz-journal ## odd scripts at the parser and at every function: FUZZ_RUNS (500000) each; wants nightly and cargo-fuzz
	@command -v cargo-fuzz >/dev/null || cargo install --locked cargo-fuzz
	@mkdir -p fuzz/corpus/parse fuzz/corpus/declare fuzz/corpus/flow && cp tests/ui/*.rhai scripts/*.rhai fuzz/corpus/parse/
	@for target in parse declare flow; do \
		cargo +nightly fuzz run --sanitizer none $$target -- -runs=$(FUZZ_RUNS) -timeout=10 -rss_limit_mb=4096 -max_len=4096; \
	done

fuzz-http: ## odd responses at the decoder, cut anywhere: FUZZ_HTTP_RUNS (10000000)
	@command -v cargo-fuzz >/dev/null || cargo install --locked cargo-fuzz
	cargo +nightly fuzz run --sanitizer none response -- -runs=$(FUZZ_HTTP_RUNS) -dict=fuzz/response.dict -timeout=10 -rss_limit_mb=2048 -max_len=2048

fuzz-journal: ## odd bytes, odd records and changed ones at the journal's reader: FUZZ_JOURNAL_RUNS (10000000)
	@command -v cargo-fuzz >/dev/null || cargo install --locked cargo-fuzz
	cargo +nightly fuzz run --sanitizer none journal -- -runs=$(FUZZ_JOURNAL_RUNS) -timeout=10 -rss_limit_mb=2048 -max_len=4096

##@ Measuring (leave the machine alone meanwhile)

bench: bench-http bench-scale bench-load bench-memory bench-script ## all of the below

bench-http: ## CPU per request beside wrk's, h2load's, oha's: BENCH_ROUNDS (15), BENCH_SECONDS (3), BENCH_LOCUST=PROGRAM, BENCH_MARKDOWN=1 (docs/performance.md)
	@tests/install.sh wrk nghttp2-client nginx-core
	@[[ -n "$${BENCH_OHA:-}" ]] || command -v oha >/dev/null || cargo install --locked oha
	cargo bench --locked --bench http
	cargo bench --locked --bench secure

bench-scale: ## CPU per request at 10,000 users beside 64, and on two workers beside one: BENCH_ROUNDS (15), BENCH_SECONDS (3)
	cargo bench --locked --bench scale

bench-load: ## how a rate is kept and what it costs, beside a bare timer and oha: BENCH_ROUNDS (5), BENCH_SECONDS (5), BENCH_COUNT_SECONDS (600)
	@command -v oha >/dev/null || cargo install --locked oha
	cargo bench --locked --bench load

bench-memory: ## memory per virtual user, and the time from start to first request
	cargo bench --locked --bench memory

bench-script: ## what checking, shared data, modules and draws cost
	cargo bench --locked --bench script

bench-journal: ## bytes a second of a run's journal, and time and memory to report a day of it: BENCH_SECONDS (86400)
	cargo bench --locked --bench journal

bench-outputs: ## CPU per request with each output beside a run without: BENCH_ROUNDS (15), BENCH_SECONDS (3), BENCH_MARKDOWN=1 (docs/performance.md)
	cargo bench --locked --bench outputs

bench-view: ## what the live view costs with 50 endpoints, in a terminal of 200x50: at most 2 % of a core; BENCH_SECONDS (20), BENCH_RATE (2000)
	cargo bench --locked --bench view

bench-honesty: ## does the generator accuse itself beside a busy loop, and only then: BENCH_ROUNDS (20) each, BENCH_SECONDS (5)
	cargo bench --locked --bench honesty

prove-load: ## a stall of the service against arithmetic, in its full minute: three runs of 60 s, within 2 %
	PROOF=full cargo test --locked --test it -- stall:: --nocapture --test-threads 1

prove-histograms: ## a million random histograms: order, merged parts, what is stored; COUNT (1000000)
	COUNT=$${COUNT:-1000000} cargo test --locked --lib -- random_histograms --nocapture

prove-names: ## memory of a million different URLs, names, tags, checks, groups beside that of one URL: COUNT (1000000)
	COUNT=$${COUNT:-1000000} cargo test --locked --test it -- names::full_ --nocapture --test-threads 1

prove-truth: install-test-servers ## what is reported against a service's own log, against packets, and beside wrk and h2load: half a minute
	cargo test --locked --test it -- truth::full packets::full full_needs_wrk full_needs_h2load --nocapture --test-threads 1

prove-rivals: ## what each tool reports of services that are ill, against their own logs: BENCH_SECONDS (8), BENCH_LOCUST=PROGRAM, BENCH_OHA=PROGRAM, BENCH_MARKDOWN=1 (docs/honesty.md)
	@tests/install.sh wrk nghttp2-client
	@[[ -n "$${BENCH_OHA:-}" ]] || command -v oha >/dev/null || cargo install --locked oha
	cargo bench --locked --bench rivals

prove-profile: ## the profiler at full speed: BENCH_ROUNDS (50) runs of BENCH_SECONDS (2), none may crash, 99 % of samples reach the root
	cargo bench --locked --bench profile

soak: ## does memory stay flat: BENCH_MINUTES (30) at 1,000 users, BENCH_REQUESTS (10,000,000) beside 100,000; are runs that are killed told to their last second: COUNT (500); do saves under load lose anything: twice as many
	cargo bench --locked --bench soak
	COUNT=$${COUNT:-500} cargo test --locked --release --test it -- killed::full_ --nocapture --test-threads 1
	COUNT=$$((2 * $${COUNT:-500})) cargo test --locked --release --test it -- watch::saves_under_load --nocapture --test-threads 1

mutants: ## does a test notice when the code that decides is wrong: MUTANTS (200) drawn with SEED (8), 95 % must be caught
	tests/mutants.sh

##@ Housekeeping

install-test-servers: ## the servers that tests drive (through apt; says what it does)
	@tests/install.sh $(TEST_SERVERS)

clean: ## remove what was built, and the results of runs
	cargo clean
	rm -rf .runner
