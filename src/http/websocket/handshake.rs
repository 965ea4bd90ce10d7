//! The upgrade of a connection to a web socket: the headers that ask for it, and whether the answer agrees
//! (RFC 6455 §4.1).

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use rand::RngExt;
use sha1::{Digest as _, Sha1};

use super::super::request::has_token;
use super::super::response::Response;
use super::error::WebSocketError;

/// What the key is completed with, by RFC 6455 §1.3.
const GUID: &str = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";

/// One upgrade that is asked for.
#[derive(Debug)]
pub struct Handshake {
    key: String,
    /// Subprotocols that are offered, as in the header; empty for none.
    protocols: String,
}

impl Handshake {
    /// With a fresh key.
    pub fn new(protocols: &[String]) -> Self {
        Self::with_key(rand::rng().random(), protocols)
    }

    fn with_key(key: [u8; 16], protocols: &[String]) -> Self {
        Self { key: STANDARD.encode(key), protocols: protocols.join(", ") }
    }

    /// The headers that ask for it.
    pub fn headers(&self) -> Vec<(&str, &str)> {
        let mut headers = vec![
            ("Connection", "Upgrade"),
            ("Upgrade", "websocket"),
            ("Sec-WebSocket-Version", "13"),
            ("Sec-WebSocket-Key", &*self.key),
        ];
        if !self.protocols.is_empty() {
            headers.push(("Sec-WebSocket-Protocol", &self.protocols));
        }
        headers
    }

    /// Whether a response with the status 101 agrees, and to which subprotocol.
    pub fn agrees(&self, response: &Response) -> Result<String, WebSocketError> {
        let header = |name: &str| response.header(name).unwrap_or_default();
        if !header("upgrade").trim().eq_ignore_ascii_case("websocket")
            || !has_token(&header("connection"), "upgrade")
        {
            return Err(WebSocketError::Upgrade);
        }
        if header("sec-websocket-accept").trim() != accept(&self.key) {
            return Err(WebSocketError::Accept);
        }
        let extensions = header("sec-websocket-extensions");
        if !extensions.is_empty() {
            let header = "Sec-WebSocket-Extensions";
            return Err(WebSocketError::NotOffered { header, value: (*extensions).into() });
        }
        let chosen = header("sec-websocket-protocol");
        let offered = self.protocols.split(", ").any(|protocol| protocol == chosen);
        if !chosen.is_empty() && !offered {
            let header = "Sec-WebSocket-Protocol";
            return Err(WebSocketError::NotOffered { header, value: (*chosen).into() });
        }
        Ok(chosen.into_owned())
    }
}

fn accept(key: &str) -> String {
    STANDARD.encode(Sha1::digest(format!("{key}{GUID}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answered(protocols: &[&str], headers: &str) -> Result<String, WebSocketError> {
        let protocols: Vec<String> = protocols.iter().map(ToString::to_string).collect();
        let handshake = Handshake::with_key(*b"the sample nonce", &protocols);
        handshake
            .agrees(&Response::sample(&format!("HTTP/1.1 101 Switching Protocols\r\n{headers}\r\n"), b""))
    }

    const UPGRADE: &str = "Upgrade: WebSocket\r\nConnection: keep-alive, Upgrade\r\n";
    const ACCEPT: &str = "Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n";

    #[test]
    fn the_example_of_rfc_6455_agrees() {
        let handshake = Handshake::with_key(*b"the sample nonce", &[]);
        assert!(handshake.headers().contains(&("Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ==")));
        assert_eq!(answered(&[], &format!("{UPGRADE}{ACCEPT}")), Ok(String::new()));
        let chosen = format!("{UPGRADE}{ACCEPT}Sec-WebSocket-Protocol: b\r\n");
        assert_eq!(answered(&["a", "b"], &chosen), Ok("b".to_owned()));
    }

    #[test]
    fn an_answer_that_does_not_agree_is_refused() {
        assert_eq!(answered(&[], ACCEPT), Err(WebSocketError::Upgrade));
        assert_eq!(
            answered(&[], &format!("Upgrade: h2c\r\nConnection: upgrade\r\n{ACCEPT}")),
            Err(WebSocketError::Upgrade)
        );
        assert_eq!(answered(&[], UPGRADE), Err(WebSocketError::Accept));
        let wrong = format!("{UPGRADE}Sec-WebSocket-Accept: dGhlIHNhbXBsZSBub25jZQ==\r\n");
        assert_eq!(answered(&[], &wrong), Err(WebSocketError::Accept));
        for header in ["Sec-WebSocket-Extensions: permessage-deflate", "Sec-WebSocket-Protocol: b"] {
            let said = answered(&["a"], &format!("{UPGRADE}{ACCEPT}{header}\r\n")).unwrap_err().to_string();
            assert!(said.contains(header) && said.contains("not offered"), "{said}");
        }
    }
}
