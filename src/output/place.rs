//! WHERE an output goes: a file, a URL, an address, and options behind a `#`, which no URL sends.

use super::{Output, OutputError};
use crate::plan::without_login;

/// `http://localhost:9090/api/v1/write#version=2,timeout=3s`, taken apart.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    /// The output's name.
    pub output: &'static str,
    /// The file, URL or address.
    pub at: String,
    options: Vec<(String, String)>,
}

impl Place {
    /// Takes it apart; an option that the output doesn't have is an error.
    pub(super) fn parse(output: &'static Output, text: &str) -> Result<Self, OutputError> {
        let (at, options) = text.split_once('#').unwrap_or((text, ""));
        if at.is_empty() && !output.place.starts_with('[') {
            return Err(OutputError::NoPlace(format!("{}={text}", output.name)));
        }
        let mut known = Vec::new();
        for option in options.split(',').filter(|option| !option.is_empty()) {
            let (key, value) = option.split_once('=').unwrap_or((option, "true"));
            if !output.options.iter().any(|(name, _)| *name == key) {
                let names = output.options.iter().map(|(name, _)| *name);
                return Err(OutputError::no_option(output.name, key, names));
            }
            known.push((key.to_owned(), value.to_owned()));
        }
        Ok(Self { output: output.name, at: at.to_owned(), options: known })
    }

    /// An option's text; the last one where it is given twice.
    pub fn option(&self, key: &str) -> Option<&str> {
        self.options.iter().rfind(|(name, _)| name == key).map(|(_, value)| value.as_str())
    }

    /// An option that is on or off; off where it isn't given.
    pub fn is_on(&self, key: &'static str) -> Result<bool, OutputError> {
        match self.option(key) {
            None | Some("false") => Ok(false),
            Some("true") => Ok(true),
            Some(value) => Err(self.wrong(key, value, "is neither `true` nor `false`")),
        }
    }

    /// That an option's value can't be.
    pub fn wrong(&self, key: &str, value: &str, why: &str) -> OutputError {
        OutputError::Option {
            output: self.output,
            key: key.to_owned(),
            value: value.to_owned(),
            why: why.to_owned(),
        }
    }

    /// For people: without a password.
    pub fn shown(&self) -> String {
        without_login(&self.at)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::output::{OUTPUTS, Sink};

    const ONE: Output = Output {
        name: "one",
        alias: None,
        place: "URL",
        about: "",
        options: &[("samples", "each sample too"), ("timeout", "how long")],
        open: |_| -> Result<Box<dyn Sink>, OutputError> { unreachable!("nothing is opened") },
    };
    static OUTPUT: Output = ONE;

    #[test]
    fn options_stand_behind_the_hash() {
        let place = Place::parse(&OUTPUT, "http://a:secret@b/c?d=e#samples,timeout=3s").unwrap();
        assert_eq!(place.at, "http://a:secret@b/c?d=e");
        assert_eq!(place.shown(), "http://b/c?d=e");
        assert_eq!((place.is_on("samples").unwrap(), place.option("timeout")), (true, Some("3s")));
        let wrong = Place::parse(&OUTPUT, "x#sampels").unwrap_err().to_string();
        assert!(wrong.contains("`sampels`") && wrong.contains("samples"), "{wrong}");
        assert!(Place::parse(&OUTPUT, "#samples").is_err());
        assert!(Place::parse(&OUTPUT, "x#samples=maybe").unwrap().is_on("samples").is_err());
    }

    #[test]
    fn names_are_unique() {
        let mut names: Vec<_> =
            OUTPUTS.iter().flat_map(|output| [Some(output.name), output.alias]).flatten().collect();
        names.sort_unstable();
        assert!(names.windows(2).all(|pair| pair[0] != pair[1]), "{names:?}");
    }
}
