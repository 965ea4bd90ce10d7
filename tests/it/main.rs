//! The one integration target: it drives the built binary over real sockets and imports nothing of
//! the library, so that what passes here is what a user gets.
//!
//! A module per behaviour area. Two words in a test's
//! name steer the Makefile: `full_` marks what takes longer than a few seconds and `needs_` what wants a
//! server installed (`make install-test-servers`). `make quick` leaves both out, `make test` runs all.

mod agreement;
mod arrivals;
mod batch;
mod bodies;
mod calibrate;
mod check;
mod config;
mod control;
mod control_api;
mod cookies;
mod curl;
mod data;
mod demo;
mod docs;
mod doctor;
mod earlier;
mod engine;
mod events;
mod examples;
mod faults;
mod fixture;
mod functions;
mod health;
mod hit;
mod hostile;
mod killed;
mod logs;
mod main_job;
mod method;
mod names;
mod network;
mod nginx;
mod otlp;
mod outputs;
mod packets;
#[path = "../../benches/pathology.rs"]
mod pathology;
mod percentiles;
mod profile;
mod prometheus;
mod receiver;
mod redact;
mod redirects;
mod repl;
mod reports;
#[path = "../../benches/rival.rs"]
mod rival;
mod rivals;
mod runs;
mod script;
mod secrets;
mod secrets_kept;
mod server;
#[path = "../../benches/service.rs"]
mod service;
mod settings;
mod several;
mod stall;
mod stdlib;
mod steady;
mod summaries;
mod targets;
mod tidy;
mod tls;
mod truth;
mod try_once;
mod ui;
mod view;
mod websocket;
mod watch;
mod witness;
