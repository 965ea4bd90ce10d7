//! Where an exporter sends to and how: what stands behind `-o otlp=`, and OpenTelemetry's own environment variables.

use std::time::Duration;

use reqwest::Url;
use reqwest::header::{HeaderMap, HeaderName, HeaderValue};

use super::super::{OutputError, Place};
use crate::units::parse_duration;

/// The place of a collector on the same machine, as OpenTelemetry has it.
const ENDPOINT: &str = "http://localhost:4318";

/// What the service is called that sends the data, unless the user says it.
const SERVICE: &str = "runner";

/// How long the receiver may take for an answer: OpenTelemetry's ten seconds.
const TIMEOUT: Duration = Duration::from_secs(10);

/// Where a point's sum begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Temporality {
    /// At the run's start.
    Cumulative,
    /// At the point before.
    Delta,
}

/// Where to, and how.
#[derive(Debug, Clone)]
pub(super) struct Setting {
    pub(super) metrics_url: Url,
    pub(super) traces_url: Url,
    /// Sent with each request; may hold what nobody else is to see.
    pub(super) headers: HeaderMap,
    pub(super) gzip: bool,
    pub(super) timeout: Duration,
    pub(super) temporality: Temporality,
    /// Before each metric's name.
    pub(super) prefix: String,
    pub(super) service: String,
    /// Of the resource, beside the run's own.
    pub(super) attributes: Vec<(String, String)>,
    /// Which share of the iterations is traced; none where nothing is.
    pub(super) traces: Option<f64>,
}

impl Setting {
    /// Reads it. `env` gives variables of the environment; what is said on the command line comes first.
    pub(super) fn read(place: &Place, env: impl Fn(&str) -> Option<String>) -> Result<Self, OutputError> {
        let given = |name: &str| env(name).filter(|text| !text.trim().is_empty());
        let at = match place.at.as_str() {
            "" => given("OTEL_EXPORTER_OTLP_ENDPOINT").unwrap_or_else(|| ENDPOINT.to_owned()),
            at => at.to_owned(),
        };
        let base = base(place, &at)?;
        let url = |signal: &str| -> Result<Url, OutputError> {
            let mut url = base.clone();
            url.set_path(&format!("{}/v1/{signal}", base.path().trim_end_matches('/')));
            Ok(url)
        };
        let headers = match given("OTEL_EXPORTER_OTLP_HEADERS") {
            Some(list) => headers(place, &list)?,
            None => HeaderMap::new(),
        };
        let attributes = given("OTEL_RESOURCE_ATTRIBUTES").map_or_else(Vec::new, |list| pairs(&list));
        let named = attributes.iter().find(|(key, _)| key == "service.name").map(|(_, name)| name.clone());
        let service = place.option("service").map(str::to_owned).or_else(|| given("OTEL_SERVICE_NAME"));
        let gzip = match place.option("gzip") {
            Some(_) => place.is_on("gzip")?,
            None => given("OTEL_EXPORTER_OTLP_COMPRESSION").is_some_and(|name| name.trim() == "gzip"),
        };
        Ok(Self {
            metrics_url: url("metrics")?,
            traces_url: url("traces")?,
            headers,
            gzip,
            timeout: timeout(place)?,
            temporality: temporality(place)?,
            prefix: place.option("prefix").unwrap_or_default().to_owned(),
            service: service.or(named).unwrap_or_else(|| SERVICE.to_owned()),
            attributes,
            traces: share(place)?,
        })
    }
}

/// The receiver's address without the path of a signal.
fn base(place: &Place, at: &str) -> Result<Url, OutputError> {
    let wrong = |why: String| OutputError::Place { output: place.output, at: place.shown(), why };
    let mut url = Url::parse(at).map_err(|error| {
        wrong(format!("{error}; write a URL such as `{ENDPOINT}`, to which `/v1/metrics` is added"))
    })?;
    if !matches!(url.scheme(), "http" | "https") || url.host().is_none() {
        return Err(wrong(format!(
            "its URL begins with `http://` or `https://`, as in `{ENDPOINT}`; OTLP over gRPC (port 4317) is not spoken"
        )));
    }
    let path = url.path().trim_end_matches('/');
    let stem =
        path.strip_suffix("/v1/metrics").or(path.strip_suffix("/v1/traces")).unwrap_or(path).to_owned();
    url.set_path(&stem);
    Ok(url)
}

fn timeout(place: &Place) -> Result<Duration, OutputError> {
    let Some(text) = place.option("timeout") else { return Ok(TIMEOUT) };
    match parse_duration(text) {
        Ok(timeout) if timeout > Duration::ZERO => Ok(timeout),
        Ok(_) => Err(place.wrong("timeout", text, "is no time at all")),
        Err(error) => Err(place.wrong("timeout", text, &format!("{}: {}", error.problem(), error.advice()))),
    }
}

fn temporality(place: &Place) -> Result<Temporality, OutputError> {
    match place.option("temporality") {
        None | Some("cumulative") => Ok(Temporality::Cumulative),
        Some("delta") => Ok(Temporality::Delta),
        Some(other) => Err(place.wrong("temporality", other, "is neither `cumulative` nor `delta`")),
    }
}

/// `traces` alone is all of them; a number from 0 to 1 is a share.
fn share(place: &Place) -> Result<Option<f64>, OutputError> {
    match place.option("traces") {
        None | Some("false") => Ok(None),
        Some("true") => Ok(Some(1.0)),
        Some(text) => match text.parse::<f64>() {
            Ok(share) if (0.0..=1.0).contains(&share) => Ok(Some(share)),
            _ => Err(place.wrong("traces", text, "is no share of iterations: write a number from 0 to 1")),
        },
    }
}

/// `key=value,key=value`, percent-encoded, as OpenTelemetry's variables are
/// ([specification](https://opentelemetry.io/docs/specs/otel/protocol/exporter/)). What has no `=` is left out.
fn pairs(list: &str) -> Vec<(String, String)> {
    let decoded =
        |text: &str| percent_encoding::percent_decode_str(text.trim()).decode_utf8_lossy().into_owned();
    let pairs = list.split(',').filter_map(|pair| pair.split_once('='));
    pairs.map(|(key, value)| (decoded(key), decoded(value))).collect()
}

/// Their values are never shown, also not in an error.
fn headers(place: &Place, list: &str) -> Result<HeaderMap, OutputError> {
    let mut headers = HeaderMap::new();
    for (name, value) in pairs(list) {
        let header = (HeaderName::try_from(name.as_str()), HeaderValue::try_from(value.as_str()));
        let (Ok(key), Ok(mut value)) = header else {
            return Err(OutputError::Place {
                output: place.output,
                at: place.shown(),
                why: format!("`OTEL_EXPORTER_OTLP_HEADERS` holds a header `{name}` that can't be sent"),
            });
        };
        value.set_sensitive(true);
        headers.insert(key, value);
    }
    Ok(headers)
}

#[cfg(test)]
mod tests {
    use super::super::OUTPUT;
    use super::*;
    use crate::output::Output;

    static OTLP: Output = OUTPUT;

    fn read(text: &str, env: &[(&str, &str)]) -> Result<Setting, OutputError> {
        let place = Place::parse(&OTLP, text)?;
        Setting::read(&place, |name| {
            env.iter().find(|(known, _)| *known == name).map(|(_, value)| (*value).to_owned())
        })
    }

    #[test]
    fn the_signals_path_is_added_to_the_receivers() {
        let urls = |text: &str, env: &[(&str, &str)]| {
            let setting = read(text, env).unwrap();
            [setting.metrics_url.to_string(), setting.traces_url.to_string()]
        };
        let endpoint = [("OTEL_EXPORTER_OTLP_ENDPOINT", "https://otel.test/base/")];
        let at = |stem: &str| [format!("{stem}/v1/metrics"), format!("{stem}/v1/traces")];
        assert_eq!(urls("", &[]), at("http://localhost:4318"));
        assert_eq!(urls("", &endpoint), at("https://otel.test/base"));
        assert_eq!(urls("http://c:1", &endpoint), at("http://c:1"));
        assert_eq!(urls("http://c:1/api/v1/otlp/v1/metrics", &[]), at("http://c:1/api/v1/otlp"));
        assert_eq!(urls("http://c:1/v1/traces?k=v", &[])[0], "http://c:1/v1/metrics?k=v");
    }

    #[test]
    fn the_environment_gives_headers_and_attributes_and_no_error_shows_them() {
        let env = [
            ("OTEL_EXPORTER_OTLP_HEADERS", "api-key=hunter2%2C,x=%20y"),
            ("OTEL_RESOURCE_ATTRIBUTES", "service.name=shop,team=a%20b"),
            ("OTEL_EXPORTER_OTLP_COMPRESSION", "gzip"),
        ];
        let setting = read("http://c:1", &env).unwrap();
        assert_eq!(setting.headers["api-key"], "hunter2,");
        assert!(!format!("{setting:?}").contains("hunter2"), "{setting:?}");
        assert_eq!((setting.service.as_str(), setting.gzip), ("shop", true));
        assert_eq!(setting.attributes[1], ("team".to_owned(), "a b".to_owned()));
        let named = read("http://c:1#service=mine,gzip=false", &env).unwrap();
        assert_eq!((named.service.as_str(), named.gzip), ("mine", false));
        let wrong = read("http://c:1", &[("OTEL_EXPORTER_OTLP_HEADERS", "a b=hunter2")]).unwrap_err();
        assert!(wrong.to_string().contains("`a b`") && !wrong.to_string().contains("hunter2"), "{wrong}");
    }

    #[test]
    fn options_are_checked_before_the_load() {
        let setting = read("http://c:1#temporality=delta,traces=0.01,prefix=k6_,timeout=2s", &[]).unwrap();
        assert_eq!((setting.temporality, setting.traces), (Temporality::Delta, Some(0.01)));
        assert_eq!((setting.prefix.as_str(), setting.timeout), ("k6_", Duration::from_secs(2)));
        assert_eq!(read("http://c:1#traces", &[]).unwrap().traces, Some(1.0));
        for (text, says) in [
            ("c:4318", "http://"),
            ("grpc://c:4317", "gRPC"),
            ("no url", "such as `http://localhost:4318`"),
            ("http://c:1#traces=2", "from 0 to 1"),
            ("http://c:1#timeout=0s", "no time at all"),
            ("http://c:1#timeout=soon", "timeout=soon"),
            ("http://c:1#temporality=both", "`cumulative` nor `delta`"),
            ("http://c:1#trace", "`trace`"),
        ] {
            let error = read(text, &[]).unwrap_err().to_string();
            assert!(error.contains(says), "{text}: {error}");
        }
    }
}
