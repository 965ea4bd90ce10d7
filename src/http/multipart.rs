//! `multipart/form-data` (RFC 7578), as browsers send it: fields and files, one part each.
//!
//! Names are escaped as the WHATWG's form encoding has it (`"` as `%22`, line ends as `%0D%0A`), so that no name ends
//! its header.

use std::fmt::Write as _;
use std::hash::{BuildHasher as _, RandomState};

use super::upload::{Piece, Upload};

/// The type of a file that says none.
const UNKNOWN_TYPE: &str = "application/octet-stream";

/// A field or a file of a form.
#[derive(Clone, Debug)]
pub struct Part {
    /// The field's name.
    pub name: String,
    /// The file's name; a part without one is a field.
    pub file_name: Option<String>,
    /// Its media type; of a file, `application/octet-stream` unless it is given.
    pub content_type: Option<String>,
    /// What is in it.
    pub content: Piece,
}

/// A text that stands in no other body but by chance of 1 to 2¹²⁸.
pub fn boundary() -> String {
    let random = || RandomState::new().hash_one(0);
    format!("----runner{:016x}{:016x}", random(), random())
}

/// The body of a form; its type is `multipart/form-data; boundary=…`.
pub fn multipart(parts: Vec<Part>, boundary: &str) -> Upload {
    let mut pieces = Vec::new();
    let mut text = Vec::new();
    for part in parts {
        let mut head =
            format!("--{boundary}\r\nContent-Disposition: form-data; name=\"{}\"", escaped(&part.name));
        if let Some(name) = &part.file_name {
            let _ = write!(head, "; filename=\"{}\"", escaped(name));
        }
        let file_type = part.file_name.as_ref().map(|_| UNKNOWN_TYPE);
        if let Some(kind) = part.content_type.as_deref().or(file_type) {
            let _ = write!(head, "\r\nContent-Type: {kind}");
        }
        head.push_str("\r\n\r\n");
        text.extend_from_slice(head.as_bytes());
        match part.content {
            Piece::Bytes(bytes) => text.extend_from_slice(&bytes),
            file @ Piece::File(_) => {
                pieces.push(Piece::Bytes(std::mem::take(&mut text)));
                pieces.push(file);
            }
        }
        text.extend_from_slice(b"\r\n");
    }
    text.extend_from_slice(format!("--{boundary}--\r\n").as_bytes());
    pieces.push(Piece::Bytes(text));
    Upload::new(pieces)
}

fn escaped(name: &str) -> String {
    name.replace('"', "%22").replace('\r', "%0D").replace('\n', "%0A")
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use super::super::upload::FileBody;
    use super::*;

    fn field(name: &str, value: &str) -> Part {
        let content = Piece::Bytes(value.into());
        Part { name: name.into(), file_name: None, content_type: None, content }
    }

    #[test]
    fn a_form_is_written_as_browsers_write_it() {
        let file = Part { file_name: Some("a\"b\r\n.bin".into()), ..field("file", "\0\u{1}") };
        let typed =
            Part { content_type: Some("text/csv".into()), file_name: Some("ü.csv".into()), ..file.clone() };
        let body = multipart(vec![field("na\"me", "a\r\nvalue"), file, typed], "XYZ").in_memory().unwrap();
        assert_eq!(
            String::from_utf8(body).unwrap(),
            "--XYZ\r\nContent-Disposition: form-data; name=\"na%22me\"\r\n\r\na\r\nvalue\r\n\
             --XYZ\r\nContent-Disposition: form-data; name=\"file\"; filename=\"a%22b%0D%0A.bin\"\r\n\
             Content-Type: application/octet-stream\r\n\r\n\0\u{1}\r\n\
             --XYZ\r\nContent-Disposition: form-data; name=\"file\"; filename=\"ü.csv\"\r\n\
             Content-Type: text/csv\r\n\r\n\0\u{1}\r\n--XYZ--\r\n"
        );
        assert_eq!(multipart(Vec::new(), "XYZ").in_memory().unwrap(), b"--XYZ--\r\n");
    }

    #[test]
    fn a_file_on_disk_is_a_piece_of_its_own() {
        let mut file = tempfile::tempfile().unwrap();
        file.write_all(b"12345").unwrap();
        let content = Piece::File(FileBody::new(file, "a.bin", 5));
        let whole = multipart(vec![Part { content, ..field("f", "") }, field("g", "h")], "XYZ");
        let same = multipart(vec![field("f", "12345"), field("g", "h")], "XYZ");
        assert!(whole.in_memory().is_none());
        assert_eq!(whole.len(), same.len());
    }

    #[test]
    fn boundaries_differ_and_are_valid() {
        let (one, other) = (boundary(), boundary());
        assert_ne!(one, other);
        assert!(one.len() <= 70 && one.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-'));
    }
}
