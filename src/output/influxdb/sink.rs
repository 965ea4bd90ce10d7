//! Where the lines go: `http://host:8086/DATABASE` (version 1), `http://host:8086/api/v2/write?org=O&bucket=B` (version 2), or
//! a file.

use std::time::Duration;

use percent_encoding::percent_decode_str;
use url::Url;

use super::super::fields::Units;
use super::super::line_protocol::lines;
use super::super::out_file::OutFile;
use super::super::{Output, OutputError, Place, Played, SendError, Sink};
use super::server::{Login, Server};
use crate::results::PlayedSecond;

/// `-o influxdb=URL`.
pub(in super::super) const OUTPUT: Output = Output {
    name: "influxdb",
    alias: None,
    place: "URL or FILE",
    about: "each second's series in the line protocol, to an InfluxDB of version 1 or 2, or to a file",
    options: &[("timeout", "how long one answer is waited for: 3s")],
    open,
};

/// Credentials of the environment, which a command line would show to everybody.
const TOKEN: &str = "RUNNER_INFLUXDB_TOKEN";
const USERNAME: &str = "RUNNER_INFLUXDB_USERNAME";
const PASSWORD: &str = "RUNNER_INFLUXDB_PASSWORD";

/// How long an answer is waited for.
const TIMEOUT: Duration = Duration::from_secs(3);

/// Longer than the exit waits would lose the last seconds for nothing.
const TIMEOUT_MAX: Duration = Duration::from_mins(1);

/// Lines of one request: what the server's makers advise.
const LINES_MAX: usize = 5_000;

enum Target {
    File(OutFile),
    Server {
        server: Server,
        /// The database to make, of version 1.
        database: Option<String>,
    },
}

struct InfluxDb {
    target: Target,
    units: Units,
    script_name: String,
}

fn open(place: &Place) -> Result<Box<dyn Sink>, OutputError> {
    let target = if place.at.contains("://") {
        server(place, |name| std::env::var(name).ok())?
    } else {
        Target::File(OutFile::create(place, &place.at)?)
    };
    Ok(Box::new(InfluxDb { target, units: Units::default(), script_name: String::new() }))
}

fn server(place: &Place, variable: impl Fn(&str) -> Option<String>) -> Result<Target, OutputError> {
    let wrong = |why: String| OutputError::Place { output: place.output, at: place.shown(), why };
    let timeout = match place.option("timeout") {
        None => TIMEOUT,
        Some(text) => crate::units::parse_duration(text)
            .ok()
            .filter(|timeout| !timeout.is_zero() && *timeout <= TIMEOUT_MAX)
            .ok_or_else(|| place.wrong("timeout", text, "is no time up to 1m, such as `3s`"))?,
    };
    let mut url = Url::parse(&place.at)
        .ok()
        .filter(|url| matches!(url.scheme(), "http" | "https") && url.has_host())
        .ok_or_else(|| {
            wrong("write a URL, as in `http://localhost:8086/mydb`, or a file's name".to_owned())
        })?;
    let login = login(&mut url, variable);
    let database = address(&mut url).map_err(wrong)?;
    let server = Server::new(url, login, timeout).map_err(wrong)?;
    Ok(Target::Server { server, database })
}

/// Takes user and password out of the URL; the environment's come first.
fn login(url: &mut Url, variable: impl Fn(&str) -> Option<String>) -> Login {
    let variable = |name| variable(name).filter(|value| !value.is_empty());
    let decoded = |text: &str| percent_decode_str(text).decode_utf8_lossy().into_owned();
    let user = variable(USERNAME).or_else(|| Some(decoded(url.username())).filter(|user| !user.is_empty()));
    let password = variable(PASSWORD).or_else(|| url.password().map(decoded));
    // A URL with a host takes both.
    let _ = (url.set_username(""), url.set_password(None));
    match (variable(TOKEN), user) {
        (Some(token), _) => Login::Token(token),
        (None, Some(user)) => Login::User(user, password),
        (None, None) => Login::Nobody,
    }
}

/// Makes the URL that of the write API. Gives the database, of version 1.
fn address(url: &mut Url) -> Result<Option<String>, String> {
    let has = |url: &Url, key: &str| url.query_pairs().any(|(name, value)| name == key && !value.is_empty());
    let path = url.path().trim_end_matches('/').to_owned();
    if has(url, "precision") {
        return Err("leave `precision` out of it: times are sent in milliseconds".to_owned());
    }
    let database = if path.ends_with("/api/v2/write") {
        if !has(url, "bucket") {
            return Err("it has no bucket: `http://HOST:8086/api/v2/write?org=ORG&bucket=BUCKET`".to_owned());
        }
        None
    } else if let Some(database) =
        url.query_pairs().find(|(name, _)| name == "db").map(|(_, db)| db.into_owned())
    {
        if path != "/write" {
            return Err("with `?db=` its path is `/write`".to_owned());
        }
        Some(database)
    } else {
        let name = path.trim_start_matches('/');
        if name.is_empty() || name.contains('/') {
            return Err("it has no database: `http://HOST:8086/DATABASE`, or of version 2 \
                        `http://HOST:8086/api/v2/write?org=ORG&bucket=BUCKET`"
                .to_owned());
        }
        let database = percent_decode_str(name).decode_utf8_lossy().into_owned();
        url.set_path("/write");
        url.query_pairs_mut().append_pair("db", &database);
        Some(database)
    };
    url.query_pairs_mut().append_pair("precision", "ms");
    Ok(database)
}

impl Sink for InfluxDb {
    fn begin(&mut self, run: &Played) -> Result<(), SendError> {
        self.units = Units::of(&run.plan);
        self.script_name.clone_from(&run.script_name);
        if let Target::Server { server, database: Some(database) } = &self.target {
            server.create_database(database);
        }
        Ok(())
    }

    fn second(&mut self, second: &PlayedSecond) -> Result<(), SendError> {
        let mut lines = lines(second, &self.units, &self.script_name);
        match &mut self.target {
            Target::File(file) => Ok(file.append(lines.collect::<String>().as_bytes())?),
            Target::Server { server, .. } => loop {
                let some: String = lines.by_ref().take(LINES_MAX).collect();
                if some.is_empty() {
                    return Ok(());
                }
                server.send(&some)?;
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::output::OUTPUTS;

    fn influxdb(at: &str) -> Place {
        let output = OUTPUTS.iter().find(|output| output.name == "influxdb").unwrap();
        Place::parse(output, at).unwrap()
    }

    fn address_of(text: &str) -> Result<(String, Option<String>), String> {
        let mut url = Url::parse(text).unwrap();
        let database = address(&mut url)?;
        Ok((url.to_string(), database))
    }

    #[test]
    fn both_versions_have_their_addresses() {
        let database = Some("my db".to_owned());
        assert_eq!(
            address_of("http://a:8086/my%20db"),
            Ok(("http://a:8086/write?db=my+db&precision=ms".to_owned(), database.clone()))
        );
        assert_eq!(
            address_of("http://a:8086/write?db=my%20db&rp=week"),
            Ok(("http://a:8086/write?db=my%20db&rp=week&precision=ms".to_owned(), database))
        );
        assert_eq!(
            address_of("https://a/api/v2/write?org=o&bucket=b"),
            Ok(("https://a/api/v2/write?org=o&bucket=b&precision=ms".to_owned(), None))
        );
        for (wrong, why) in [
            ("http://a:8086", "no database"),
            ("http://a/b/c", "no database"),
            ("http://a/api/v2/write?org=o", "no bucket"),
            ("http://a/db?precision=s", "`precision`"),
            ("http://a/query?db=x", "`/write`"),
        ] {
            let error = address_of(wrong).unwrap_err();
            assert!(error.contains(why), "{wrong}: {error}");
        }
    }

    #[test]
    fn credentials_of_the_environment_come_first_and_the_url_keeps_none() {
        let known = |name: &str| (name == PASSWORD).then(|| "of env".to_owned());
        let mut url = Url::parse("http://me:of%20url@a/db").unwrap();
        let Login::User(user, password) = login(&mut url, known) else { panic!() };
        assert_eq!((user.as_str(), password.as_deref()), ("me", Some("of env")));
        assert_eq!(url.as_str(), "http://a/db");
        let token = |name: &str| (name == TOKEN).then(|| "t".to_owned());
        assert!(matches!(login(&mut url, token), Login::Token(token) if token == "t"));
        assert!(matches!(login(&mut url, |_| None), Login::Nobody));
    }

    #[test]
    fn a_wrong_place_is_told_without_its_password() {
        for (at, why) in [("ftp://me:hunter22@a/db", "write a URL"), ("http://me:hunter22@a/", "no database")]
        {
            let Err(error) = open(&influxdb(at)) else { panic!("{at}") };
            let error = error.to_string();
            assert!(error.contains(why) && !error.contains("hunter22"), "{error}");
        }
        let Err(error) = open(&influxdb("http://a/db#timeout=soon")) else { panic!() };
        assert!(error.to_string().contains("`timeout=soon`"), "{error}");
    }
}
