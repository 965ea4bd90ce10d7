//! One signal's way to the receiver: metrics, or spans.

use std::io::Write;

use flate2::Compression;
use flate2::write::GzEncoder;
use prost::Message;
use reqwest::Url;
use reqwest::header::{CONTENT_ENCODING, CONTENT_TYPE};

use super::super::SendError;
use super::super::post::{Post, client, in_words, quoted};
use super::setting::Setting;

/// A signal's receiver.
pub(super) struct Signal {
    post: Post,
    url: Url,
    gzip: bool,
}

/// What gRPC and OTLP/HTTP put into the body of a refusal: `google.rpc.Status`.
#[derive(Clone, PartialEq, Message)]
struct Refusal {
    #[prost(string, tag = "2")]
    message: String,
}

impl Signal {
    /// Opens no connection yet.
    pub(super) fn new(setting: &Setting, url: &Url) -> Result<Self, SendError> {
        let client = client().map_err(SendError::Refused)?;
        let client = client.default_headers(setting.headers.clone()).timeout(setting.timeout).build();
        let client = client.map_err(|error| SendError::Refused(in_words(error)))?;
        let reason =
            |body: &[u8]| Refusal::decode(body).map(|refusal| quoted(&refusal.message)).unwrap_or_default();
        Ok(Self { post: Post::new(client, reason), url: url.clone(), gzip: setting.gzip })
    }

    /// Sends a message and gives the answer.
    pub(super) fn send(&mut self, message: &impl Message) -> Result<Vec<u8>, SendError> {
        let body = self.encode(message)?;
        let (url, gzip) = (&self.url, self.gzip);
        self.post.send(|client| {
            let mut request = client.post(url.clone()).header(CONTENT_TYPE, "application/x-protobuf");
            if gzip {
                request = request.header(CONTENT_ENCODING, "gzip");
            }
            request.body(body.clone())
        })
    }

    fn encode(&self, message: &impl Message) -> Result<Vec<u8>, SendError> {
        let plain = message.encode_to_vec();
        if !self.gzip {
            return Ok(plain);
        }
        let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
        encoder.write_all(&plain)?;
        Ok(encoder.finish()?)
    }
}
