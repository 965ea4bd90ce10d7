//! A real `InfluxDB`.

use std::process::{Child, Command, Stdio};
use std::time::Duration;

use serde_json::Value as Json;
use tempfile::TempDir;

use crate::fixture::{closed_port, folder, wait_until};

/// An `InfluxDB` of version 1 on a port of its own, until dropped.
pub(super) struct InfluxDb {
    child: Child,
    pub(super) port: u16,
    _folder: TempDir,
}

impl InfluxDb {
    pub(super) fn start() -> Self {
        let (folder, port, rpc) = (folder(), closed_port(), closed_port());
        let root = folder.path().display();
        let configuration = format!(
            "reporting-enabled = false\nbind-address = \"127.0.0.1:{rpc}\"\n[meta]\ndir = \"{root}/meta\"\n\
             [data]\ndir = \"{root}/data\"\nwal-dir = \"{root}/wal\"\n[monitor]\nstore-enabled = false\n\
             [http]\nenabled = true\nbind-address = \"127.0.0.1:{port}\"\nlog-enabled = false\n"
        );
        let path = folder.path().join("influxdb.conf");
        std::fs::write(&path, configuration).expect("a writable folder");
        let child = Command::new("influxd")
            .arg("-config")
            .arg(&path)
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("influxd of the package influxdb (make install-test-servers)");
        let database = Self { child, port, _folder: folder };
        wait_until("influxd", Duration::from_secs(30), || database.ask("SHOW DATABASES").is_some());
        database
    }

    /// The first value of what it answers.
    pub(super) fn ask(&self, query: &str) -> Option<Json> {
        let url = format!("http://127.0.0.1:{}/query", self.port);
        let curl = Command::new("curl")
            .args(["-s", "-G", &url, "--data-urlencode", "db=k6", "--data-urlencode", &format!("q={query}")])
            .output()
            .expect("curl");
        let answer: Json = serde_json::from_slice(&curl.stdout).ok()?;
        Some(answer["results"][0]["series"][0]["values"][0][1].clone())
    }
}

impl Drop for InfluxDb {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
