//! A real nginx as the server: TLS and HTTP/2 as services have them, in one process on the server's core.
#![allow(dead_code, reason = "each bench uses its part")]

use std::net::TcpStream;
use std::time::{Duration, Instant};

use tempfile::TempDir;

use super::process::{Guard, SERVER_CORE, command, free_port, pause};

/// One that takes longer is broken.
const STARTS: Duration = Duration::from_secs(10);

/// nginx with a certificate that it signed itself, answering `ok`, until dropped.
pub(crate) struct Nginx {
    pub(crate) process: Guard,
    _folder: TempDir,
    port: u16,
}

impl Nginx {
    pub(crate) fn start() -> Result<Self, String> {
        let folder = tempfile::tempdir().map_err(|error| error.to_string())?;
        let port = free_port();
        let root = folder.path().display();
        let file = |name: &str, text: &str| {
            std::fs::write(folder.path().join(name), text).map_err(|error| format!("{name}: {error}"))
        };
        let signed = rcgen::generate_simple_self_signed(["localhost".to_owned(), "127.0.0.1".to_owned()])
            .map_err(|error| error.to_string())?;
        file("cert.pem", &signed.cert.pem())?;
        file("key.pem", &signed.signing_key.serialize_pem())?;
        file(
            "nginx.conf",
            &format!(
                "daemon off; master_process off; worker_processes 1; pid {root}/pid; error_log {root}/errors;
                events {{ worker_connections 4096; }}
                http {{
                    access_log off; keepalive_requests 1000000000; keepalive_timeout 600s; default_type text/plain;
                    client_body_temp_path {root}/body; proxy_temp_path {root}/proxy; fastcgi_temp_path {root}/fastcgi;
                    uwsgi_temp_path {root}/uwsgi; scgi_temp_path {root}/scgi;
                    server {{
                        listen 127.0.0.1:{port} ssl http2;
                        ssl_certificate {root}/cert.pem; ssl_certificate_key {root}/key.pem;
                        location / {{ return 200 'ok'; }}
                    }}
                }}"
            ),
        )?;
        let mut call = command(Some(SERVER_CORE), &"nginx".into());
        let mut process = Guard::start(call.arg("-c").arg(folder.path().join("nginx.conf")))
            .map_err(|error| format!("{error}: `make install-test-servers` installs nginx"))?;
        let start = Instant::now();
        while TcpStream::connect(("127.0.0.1", port)).is_err() {
            process.expect_running().map_err(|error| format!("nginx {error}"))?;
            if start.elapsed() > STARTS {
                return Err(format!("nginx did not listen within {STARTS:?}"));
            }
            pause(Duration::from_millis(10));
        }
        Ok(Self { process, _folder: folder, port })
    }

    pub(crate) fn url(&self) -> String {
        format!("https://127.0.0.1:{}", self.port)
    }
}
