//! `runner demo`: serves, says where, ends when interrupted, and explains a port that is taken.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::process::{Child, Command, Stdio};

use rustix::process::{Pid, Signal, kill_process};

fn runner(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_runner"));
    command.args(arguments).env("NO_COLOR", "1").stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

/// Starts a server and reads the address that it announces.
fn serve(arguments: &[&str]) -> (Child, String) {
    let mut child = runner(arguments).spawn().expect("the built binary starts");
    let mut line = String::new();
    BufReader::new(child.stdout.as_mut().expect("stdout is piped"))
        .read_line(&mut line)
        .expect("a line on stdout");
    let address = line.trim().strip_prefix("listening on http://").expect("the address on stdout");
    (child, address.to_string())
}

fn get(address: &str, path: &str) -> String {
    let mut stream = TcpStream::connect(address).expect("the server accepts");
    write!(stream, "GET {path} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n")
        .expect("the server reads");
    let mut answer = vec![0; 1 << 16];
    let read = stream.read(&mut answer).expect("an answer");
    String::from_utf8_lossy(&answer[..read]).into_owned()
}

fn interrupt(mut child: Child) -> Option<i32> {
    kill_process(Pid::from_child(&child), Signal::INT).expect("the server still runs");
    child.wait().expect("the server ends").code()
}

#[test]
fn the_demo_serves_until_interrupted() {
    let (child, address) = serve(&["demo", "--port", "0"]);
    let answer = get(&address, "/health");
    let code = interrupt(child);
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    assert!(answer.contains("\"status\":\"healthy\""), "{answer}");
    assert_eq!(code, Some(0));
}

#[test]
fn the_null_server_answers_with_67_bytes() {
    let (child, address) = serve(&["demo", "--null", "0"]);
    let answer = get(&address, "/anything");
    let code = interrupt(child);
    assert_eq!(answer.len(), 67, "{answer:?}");
    assert_eq!(code, Some(0));
}

#[test]
fn a_port_in_use_is_named_with_a_hint() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port().to_string();
    let output = runner(&["demo", "--port", &port]).output().unwrap();
    let said = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(1));
    assert!(said.starts_with("error: failed to listen on 127.0.0.1:"), "{said}");
    assert!(said.contains(&port) && said.contains("hint: another process listens there"), "{said}");
}

#[test]
fn a_wrong_command_line_is_2() {
    let output = runner(&["demmo"]).output().unwrap();
    assert_eq!(output.status.code(), Some(2));
    assert!(String::from_utf8(output.stderr).unwrap().contains("demo"));
}
