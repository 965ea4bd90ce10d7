//! The body of a request: JSON, a form, a form with files, a text, bytes or a file, compressed if the call says so.

use std::borrow::Cow;
use std::rc::Rc;

use rhai::{Dynamic, EvalAltResult, ImmutableString};

use super::super::error::HostError;
use super::super::folder;
use super::super::frozen::FrozenList;
use super::super::registry::Registry;
use super::super::value::{to_json, type_name};
use super::argument::{misfit, to_bytes};
use super::call::{map, pairs};
use crate::http::{Coding, FileBody, Part, Piece, Upload, boundary, encode, multipart};

type Outcome<T> = Result<T, Box<EvalAltResult>>;

/// The options that are a body: a call has one of them at most.
pub(super) const BODIES: [&str; 4] = ["json", "form", "multipart", "body"];

/// A file of the script's folder as a script holds it: open, not read.
#[derive(Debug, Clone)]
pub(super) struct FileStream(FileBody);

/// A file of a form: data with a name and a type.
#[derive(Debug, Clone)]
pub(super) struct File {
    content: Piece,
    name: ImmutableString,
    kind: Option<ImmutableString>,
}

/// What a call sends.
#[derive(Debug, Default)]
pub(super) struct Body {
    pub(super) bytes: Vec<u8>,
    /// A body in place of `bytes` that is read from disk.
    pub(super) upload: Option<Upload>,
    pub(super) content_type: Option<Cow<'static, str>>,
    /// What `Content-Encoding` says.
    pub(super) content_encoding: Option<String>,
}

pub(super) fn register(registry: &mut Registry<'_>) {
    registry.engine.register_type_with_name::<FileStream>("file stream");
    registry.engine.register_type_with_name::<File>("file");
    let stage = Rc::clone(&registry.stage);
    registry.define(
        "http::file_stream(path)",
        "a file of the script's folder as a `body`, or as a file of a `multipart` form: read while it is sent, so that \
         memory stays flat however large it is",
        move |path: ImmutableString| -> Outcome<FileStream> {
            let (file, size) = folder::open(&stage.outside().folder, &path)?;
            Ok(FileStream(FileBody::new(file, &path, size)))
        },
    );
    registry.example(
        "let r = http::put(\"/files/1\", #{ body: http::file_stream(\"big.bin\"), timeout: \"10m\" });",
    );
    registry.define(
        "http::file(data, name)",
        "a file of a `multipart` form: its data, a file stream too, and the name that the service sees",
        |data: Dynamic, name: ImmutableString| file("http::file", &data, name, None),
    );
    registry.takes("data", "text or bytes or file stream");
    registry.example(
        "let r = http::post(\"/upload\", #{ multipart: #{ avatar: http::file(\"PNG…\", \"me.png\") } });",
    );
    registry.define(
        "http::file(data, name, type)",
        "the same with its media type, `application/octet-stream` otherwise",
        |data: Dynamic, name: ImmutableString, kind: ImmutableString| {
            file("http::file", &data, name, Some(kind))
        },
    );
    registry.takes("data", "text or bytes or file stream");
    registry.example(
        "let r = http::post(\"/upload\", #{ multipart: #{ rows: http::file(\"a,b\\n1,2\\n\", \"rows.csv\", \"text/csv\") } });",
    );
}

fn file(
    function: &str,
    data: &Dynamic,
    name: ImmutableString,
    kind: Option<ImmutableString>,
) -> Outcome<File> {
    let content = match data.read_lock::<FileStream>() {
        Some(stream) => Piece::File(stream.0.clone()),
        None => Piece::Bytes(to_bytes(function, data)?),
    };
    if let Some(kind) = kind.as_deref().filter(|kind| !is_media_type(kind)) {
        return Err(HostError::new(format!("`{function}`: {kind:?} is no media type"))
            .hint("write it as `\"text/csv\"` or `\"image/png\"`")
            .into());
    }
    Ok(File { content, name, kind })
}

/// Whether it can stand behind `Content-Type:` without ending the line.
fn is_media_type(text: &str) -> bool {
    text.contains('/') && text.bytes().all(|byte| (b' '..0x7f).contains(&byte))
}

impl Body {
    /// Reads one of [`BODIES`].
    pub(super) fn read(&mut self, option: &str, value: &Dynamic) -> Outcome<()> {
        match option {
            "json" => {
                let json = to_json(value)
                    .map_err(|what| HostError::new(format!("`json` can't hold {what}")).word("json"))?;
                self.bytes = json.to_string().into_bytes();
                self.content_type = Some("application/json".into());
            }
            "form" => {
                let mut form = url::form_urlencoded::Serializer::new(String::new());
                form.extend_pairs(pairs(option, value)?);
                self.bytes = form.finish().into_bytes();
                self.content_type = Some("application/x-www-form-urlencoded".into());
            }
            "multipart" => {
                let boundary = boundary();
                let upload = multipart(parts(value)?, &boundary);
                self.content_type = Some(format!("multipart/form-data; boundary={boundary}").into());
                match upload.in_memory() {
                    Some(bytes) => self.bytes = bytes,
                    None => self.upload = Some(upload),
                }
            }
            _ if value.is_blob() => self.bytes = value.clone().into_blob().unwrap_or_default(),
            _ => {
                if let Some(stream) = value.read_lock::<FileStream>() {
                    self.upload = Some(Upload::new(vec![Piece::File(stream.0.clone())]));
                    return Ok(());
                }
                let Ok(text) = value.as_immutable_string_ref() else {
                    return Err(HostError::new(format!(
                        "`body` takes a text, bytes or a file stream, not {}",
                        type_name(value)
                    ))
                    .hint("write `json: …` for JSON, `form: …` for a form, `multipart: …` for one with files")
                    .word("body")
                    .into());
                };
                self.bytes = text.as_bytes().to_vec();
            }
        }
        Ok(())
    }

    /// Encodes what was read in the codings that `compression` names, the first one first.
    pub(super) fn compress(&mut self, value: &Dynamic) -> Outcome<()> {
        let refuse = |message: String| HostError::new(message).word("compression");
        let Ok(names) = value.as_immutable_string_ref().map(|names| names.clone()) else {
            let message = format!("`compression` takes a text, not {}", type_name(value));
            return Err(refuse(message).hint(KNOWN_CODINGS).into());
        };
        if self.upload.is_some() {
            return Err(refuse("a file that is read while it is sent can't be compressed on the way".into())
                .hint("compress the file itself, and say so with `headers: #{ \"Content-Encoding\": \"gzip\" }`")
                .into());
        }
        let mut applied: Vec<&str> = Vec::new();
        for name in names.split(',').map(str::trim) {
            let coding = Coding::parse(name)
                .ok_or_else(|| refuse(format!("`compression` knows no `{name}`")).hint(KNOWN_CODINGS))?;
            self.bytes = encode(coding, &self.bytes);
            applied.push(coding.as_str());
        }
        self.content_encoding = Some(applied.join(", "));
        Ok(())
    }
}

const KNOWN_CODINGS: &str =
    "write `\"gzip\"`, `\"deflate\"`, `\"br\"` or `\"zstd\"`, or several, applied in this order";

fn parts(value: &Dynamic) -> Outcome<Vec<Part>> {
    let mut parts = Vec::new();
    for (name, value) in map("multipart", value)? {
        if let Some(list) = value.read_lock::<FrozenList>() {
            for item in list.iter() {
                parts.push(part(&name, &item)?);
            }
        } else if let Ok(list) = value.as_array_ref() {
            for item in list.iter() {
                parts.push(part(&name, item)?);
            }
        } else if !value.is_unit() {
            parts.push(part(&name, &value)?);
        }
    }
    Ok(parts)
}

fn part(name: &str, value: &Dynamic) -> Outcome<Part> {
    let part = |content| Part { name: name.to_owned(), file_name: None, content_type: None, content };
    if let Some(file) = value.read_lock::<File>() {
        return Ok(Part {
            file_name: Some(file.name.to_string()),
            content_type: file.kind.as_ref().map(ToString::to_string),
            ..part(file.content.clone())
        });
    }
    if let Some(stream) = value.read_lock::<FileStream>() {
        // As browsers name it: without its folder.
        let file_name = stream.0.path().rsplit('/').next().map(str::to_owned);
        return Ok(Part { file_name, ..part(Piece::File(stream.0.clone())) });
    }
    if value.is_blob() {
        return Ok(part(Piece::Bytes(to_bytes("multipart", value)?)));
    }
    if value.is_map() || value.is_fnptr() || value.read_lock::<super::super::frozen::FrozenMap>().is_some() {
        return Err(misfit("multipart", &format!("a text, bytes or a file as `{name}`"), value)
            .hint("write `http::file(data, \"name.csv\")` for a file")
            .word(name)
            .into());
    }
    Ok(part(Piece::Bytes(value.to_string().into_bytes())))
}
