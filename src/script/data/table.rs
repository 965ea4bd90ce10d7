//! A CSV file: its bytes as they were read, where its rows begin, and what its columns are called.
//!
//! Nothing is parsed ahead: a row is a place in the text, and a field is read when a script asks for
//! it. So a table costs its file's size and a sixteenth, however many users share it. Reading it once
//! through proves that every later access succeeds.

use std::borrow::Cow;
use std::path::Path;

use super::super::error::HostError;
use super::field::{Broken, End, Field, row_start};
use super::file;
use super::index::Index;
use crate::diagnostic::suggest;

/// Columns of one table: far more, and the delimiter is a wrong one.
const COLUMNS_MAX: usize = 10_000;

/// What the values of a column are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in super::super) enum Kind {
    /// A text, as it stands in the file.
    Text,
    /// A whole number.
    Int,
    /// A number.
    Float,
    /// `true` or `false`.
    Bool,
}

/// The kinds by the names that scripts write.
pub(in super::super) const COLUMN_KINDS: [(&str, Kind); 4] =
    [("text", Kind::Text), ("int", Kind::Int), ("float", Kind::Float), ("bool", Kind::Bool)];

/// How a file is to be read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in super::super) struct CsvOptions {
    /// Between two fields.
    pub(in super::super) delimiter: u8,
    /// Whether the first row names the columns.
    pub(in super::super) has_header: bool,
    /// Names instead of the header's.
    pub(in super::super) columns: Option<Vec<String>>,
    /// What is no text, by column.
    pub(in super::super) types: Vec<(String, Kind)>,
}

/// A value of a table.
#[derive(Debug, Clone, PartialEq)]
pub(in super::super) enum Cell<'a> {
    /// A text.
    Text(Cow<'a, str>),
    /// A whole number.
    Int(i64),
    /// A number.
    Float(f64),
    /// `true` or `false`.
    Bool(bool),
    /// Empty where a number or a boolean could stand.
    Nothing,
}

#[derive(Debug)]
struct Column {
    name: Box<str>,
    kind: Kind,
}

/// A table that all users share.
#[derive(Debug)]
pub(in super::super) struct Table {
    name: String,
    text: String,
    delimiter: u8,
    columns: Vec<Column>,
    /// Whether rows are maps, not lists.
    is_named: bool,
    index: Index,
}

impl Table {
    /// Reads a file within the script's folder.
    pub(super) fn read(folder: &Path, path: &str, options: &CsvOptions) -> Result<Self, HostError> {
        Self::new(path, file::read(folder, path)?, options)
    }

    fn new(path: &str, text: String, options: &CsvOptions) -> Result<Self, HostError> {
        let index = Index::new(text.len());
        let mut table = Self {
            name: path.to_owned(),
            text,
            delimiter: options.delimiter,
            columns: Vec::new(),
            is_named: options.has_header || options.columns.is_some(),
            index,
        };
        let mut at = row_start(&table.text, 0);
        let first = at.ok_or_else(|| table.fault("is empty"))?;
        let (count, behind) = table.measure(first)?;
        table.name_columns(first, count, options)?;
        if options.has_header {
            at = row_start(&table.text, behind);
        }
        let mut row = usize::from(options.has_header);
        while let Some(start) = at {
            row += 1;
            let next = table.check(start, row)?;
            table.index.push(start);
            at = row_start(&table.text, next);
        }
        if table.index.len() == 0 {
            return Err(table.fault("has a header and no row").hint("a test without data measures nothing"));
        }
        Ok(table)
    }

    /// How many fields the row at `start` has, and where it ends.
    fn measure(&self, start: usize) -> Result<(usize, usize), HostError> {
        let (mut count, mut at) = (0, start);
        loop {
            let field = self.field(at)?;
            count += 1;
            at = field.next;
            if field.end == End::Row {
                return Ok((count, at));
            }
        }
    }

    fn name_columns(&mut self, first: usize, count: usize, options: &CsvOptions) -> Result<(), HostError> {
        if count > COLUMNS_MAX {
            return Err(self.fault(&format!("has more than {COLUMNS_MAX} columns")).hint("is it CSV?"));
        }
        let names = match &options.columns {
            Some(names) if names.len() == count => names.clone(),
            Some(names) => {
                return Err(self
                    .fault(&format!("has {count} columns, and `columns` names {}", names.len()))
                    .hint(self.other_delimiter(first).unwrap_or_else(|| "name each of them".to_owned())));
            }
            None if options.has_header => self.header(first)?,
            None => (0..count).map(|number| number.to_string()).collect(),
        };
        for (number, name) in names.iter().enumerate() {
            if name.is_empty() {
                return Err(self
                    .fault_at(first, &format!("column {} has no name", number + 1))
                    .hint("name it in the file, or give names by the option `columns`"));
            }
            if names[..number].contains(name) {
                return Err(self
                    .fault_at(first, &format!("two columns are named `{name}`"))
                    .hint("a row is read by name: rename one, or give names by the option `columns`"));
            }
        }
        if let Some((wrong, _)) = options.types.iter().find(|(name, _)| !names.contains(name)) {
            let near = suggest(wrong, names.iter().map(String::as_str));
            return Err(HostError::new(format!(
                "`types` names `{wrong}`, which is no column of `{}`",
                self.name
            ))
            .hint(near.first().map_or_else(|| columns_are(&names), |near| format!("did you mean `{near}`?")))
            .word(wrong));
        }
        let kind = |name: &String| {
            options.types.iter().find(|(typed, _)| typed == name).map_or(Kind::Text, |(_, kind)| *kind)
        };
        self.columns =
            names.iter().map(|name| Column { kind: kind(name), name: name.as_str().into() }).collect();
        Ok(())
    }

    fn header(&self, first: usize) -> Result<Vec<String>, HostError> {
        let (mut names, mut at) = (Vec::new(), first);
        loop {
            let field = self.field(at)?;
            // `a, b` names the columns `a` and `b`: nobody means the space.
            names.push(field.value(&self.text).trim().to_owned());
            at = field.next;
            if field.end == End::Row {
                return Ok(names);
            }
        }
    }

    /// Looks whether a row can be read, and gives its end.
    fn check(&self, start: usize, row: usize) -> Result<usize, HostError> {
        let (mut count, mut at) = (0, start);
        loop {
            let field = self.field(at)?;
            if let Some(column) = self.columns.get(count).filter(|column| column.kind != Kind::Text) {
                let text = field.value(&self.text);
                if cell(text.clone(), column.kind).is_none() {
                    let (_, kind) = named(column.kind);
                    return Err(self
                        .fault_at(
                            field.start(),
                            &format!("\"{text}\" in column `{}` is no {kind}", column.name),
                        )
                        .hint("mend the row, or leave the column out of `types`"));
                }
            }
            count += 1;
            at = field.next;
            if field.end == End::Row {
                break;
            }
        }
        if count == self.columns.len() {
            return Ok(at);
        }
        let fields = if count == 1 { "1 field".to_owned() } else { format!("{count} fields") };
        let hint = self.other_delimiter(start).unwrap_or_else(|| {
            "a field that holds the delimiter stands in quotes: \"a,b\"; is a quote missing, or a comma too many?"
                .to_owned()
        });
        Err(self.fault_at(start, &format!("row {row} has {fields}, not {}", self.columns.len())).hint(hint))
    }

    fn field(&self, at: usize) -> Result<Field, HostError> {
        Field::read(&self.text, at, self.delimiter).map_err(|broken| match broken {
            Broken::Unclosed(at) => self
                .fault_at(at, "a quote is never closed")
                .hint("a field that begins with `\"` ends with it; a quote within is doubled: `\"\"`"),
            Broken::AfterQuote(at) => self
                .fault_at(at, "something follows a closing quote")
                .hint("a quote within a quoted field is doubled: `\"5\"\" pipe\"`"),
        })
    }

    /// Says so if another delimiter looks like the right one.
    fn other_delimiter(&self, start: usize) -> Option<String> {
        let line = self.text[start..].lines().next()?;
        let has =
            |delimiter: &&(u8, &str)| delimiter.0 != self.delimiter && line.as_bytes().contains(&delimiter.0);
        let (_, shown) = [(b';', ";"), (b'\t', "\\t"), (b'|', "|"), (b',', ",")].iter().find(has).copied()?;
        (self.columns.len() <= 1).then(|| {
            format!("the file has `{shown}` between its fields: write `#{{ delimiter: \"{shown}\" }}`")
        })
    }

    fn fault(&self, what: &str) -> HostError {
        HostError::new(format!("`{}` {what}", self.name)).word(&*self.name)
    }

    fn fault_at(&self, offset: usize, what: &str) -> HostError {
        let before = &self.text[..offset];
        let line = 1 + memchr::memchr_iter(b'\n', before.as_bytes()).count();
        let column = 1 + before.rsplit('\n').next().unwrap_or(before).chars().count();
        HostError::new(format!("`{}:{line}:{column}`: {what}", self.name)).word(&*self.name)
    }

    /// How many rows there are.
    pub(in super::super) fn len(&self) -> usize {
        self.index.len()
    }

    /// Whether rows are read by name; else by number.
    pub(in super::super) fn is_named(&self) -> bool {
        self.is_named
    }

    /// Where a row begins.
    pub(in super::super) fn row(&self, row: usize) -> Option<u32> {
        let (mut at, skip) = self.index.near(row)?;
        for _ in 0..skip {
            loop {
                let field = Field::read(&self.text, at, self.delimiter).ok()?;
                at = field.next;
                if field.end == End::Row {
                    break;
                }
            }
            at = row_start(&self.text, at)?;
        }
        u32::try_from(at).ok()
    }

    /// How many columns there are.
    pub(in super::super) fn width(&self) -> usize {
        self.columns.len()
    }

    /// The names of the columns, in the order of the file.
    pub(in super::super) fn names(&self) -> impl Iterator<Item = &str> {
        self.columns.iter().map(|column| &*column.name)
    }

    /// The value in a column of the row that begins at `row`.
    pub(in super::super) fn cell(&self, row: u32, column: usize) -> Option<Cell<'_>> {
        let kind = self.columns.get(column)?.kind;
        let mut at = row as usize;
        for _ in 0..column {
            at = Field::read(&self.text, at, self.delimiter).ok()?.next;
        }
        cell(Field::read(&self.text, at, self.delimiter).ok()?.value(&self.text), kind)
    }

    /// The value in a column by name.
    pub(in super::super) fn named(&self, row: u32, name: &str) -> Option<Cell<'_>> {
        self.cell(row, self.columns.iter().position(|column| &*column.name == name)?)
    }

    /// What to say of a column that isn't there.
    pub(in super::super) fn no_column(&self, name: &str) -> HostError {
        let names: Vec<String> = self.names().map(str::to_owned).collect();
        let near = suggest(name, self.names());
        let hint = match (near.first(), names.as_slice()) {
            (Some(near), _) if *near != names[0] || names.len() > 1 => format!("did you mean `{near}`?"),
            (_, [only]) => match [";", "\t", "|"].iter().find(|delimiter| only.contains(**delimiter)) {
                Some(delimiter) => format!(
                    "its only column is `{only}`: write `#{{ delimiter: \"{}\" }}`",
                    delimiter.replace('\t', "\\t")
                ),
                None => columns_are(&names),
            },
            _ => columns_are(&names),
        };
        HostError::new(format!("`{}` has no column `{name}`", self.name)).hint(hint)
    }
}

fn columns_are(names: &[String]) -> String {
    /// More would be a list to search, not a hint.
    const SHOWN_MAX: usize = 12;
    let more = if names.len() > SHOWN_MAX { ", …" } else { "" };
    format!("the columns are `{}`{more}", names[..names.len().min(SHOWN_MAX)].join("`, `"))
}

fn named(kind: Kind) -> (&'static str, &'static str) {
    match kind {
        Kind::Text => ("text", "text"),
        Kind::Int => ("int", "whole number"),
        Kind::Float => ("float", "number"),
        Kind::Bool => ("bool", "`true` or `false`"),
    }
}

/// The text as a value of its column's kind, if it is one.
fn cell(text: Cow<'_, str>, kind: Kind) -> Option<Cell<'_>> {
    if kind == Kind::Text {
        return Some(Cell::Text(text));
    }
    let word = text.trim();
    if word.is_empty() {
        return Some(Cell::Nothing);
    }
    match kind {
        Kind::Int => word.parse().ok().map(Cell::Int),
        Kind::Float => word.parse().ok().filter(|number: &f64| number.is_finite()).map(Cell::Float),
        Kind::Bool if word.eq_ignore_ascii_case("true") => Some(Cell::Bool(true)),
        Kind::Bool if word.eq_ignore_ascii_case("false") => Some(Cell::Bool(false)),
        Kind::Text | Kind::Bool => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn options() -> CsvOptions {
        CsvOptions { delimiter: b',', has_header: true, columns: None, types: Vec::new() }
    }

    fn table(text: &str) -> Table {
        Table::new("a.csv", text.to_owned(), &options()).unwrap()
    }

    fn refusal(text: &str, options: &CsvOptions) -> HostError {
        Table::new("a.csv", text.to_owned(), options).map(|_| ()).expect_err(text)
    }

    fn at<'a>(table: &'a Table, row: usize, column: &str) -> Cell<'a> {
        table.named(table.row(row).unwrap(), column).unwrap()
    }

    #[test]
    fn a_row_is_read_by_column() {
        let table = table("symbol, price\r\nAAPL,\"1,5\"\r\n\r\nTSLA,\r\n");
        assert_eq!((table.len(), table.width()), (2, 2));
        assert_eq!(table.names().collect::<Vec<_>>(), ["symbol", "price"]);
        assert_eq!(at(&table, 0, "price"), Cell::Text("1,5".into()));
        assert_eq!(at(&table, 1, "symbol"), Cell::Text("TSLA".into()));
        assert_eq!(at(&table, 1, "price"), Cell::Text("".into()));
        assert!(table.row(2).is_none() && table.named(0, "x").is_none());
    }

    #[test]
    fn rows_of_every_length_are_found() {
        let row = |n: usize| format!("{n},\"x\n{}\"\n", "y".repeat(n % 7));
        let text: String = (0..20_000).fold(String::new(), |all, n| all + &row(n));
        let table = table(&format!("n,text\n{text}"));
        assert_eq!(table.len(), 20_000);
        for n in (0..20_000).rev() {
            assert_eq!(at(&table, n, "n"), Cell::Text(n.to_string().into()));
        }
    }

    #[test]
    fn types_are_checked_when_the_file_is_read() {
        let types = COLUMN_KINDS.iter().map(|(name, kind)| ((*name).to_owned(), *kind)).collect();
        let typed = CsvOptions { types, ..options() };
        let text = "text,int,float,bool\n007,7,0.5,TRUE\n,,,\n";
        let table = Table::new("a.csv", text.to_owned(), &typed).unwrap();
        assert_eq!(at(&table, 0, "text"), Cell::Text("007".into()));
        assert_eq!((at(&table, 0, "int"), at(&table, 0, "float")), (Cell::Int(7), Cell::Float(0.5)));
        assert_eq!((at(&table, 0, "bool"), at(&table, 1, "int")), (Cell::Bool(true), Cell::Nothing));
        for (row, said) in [
            ("x,1.5,1,true", "`a.csv:2:3`: \"1.5\" in column `int` is no whole number"),
            ("x,1,ü,true", "`a.csv:2:5`: \"ü\" in column `float` is no number"),
            ("x,1,inf,true", "`a.csv:2:5`: \"inf\" in column `float` is no number"),
            ("x,1,2,yes", "`a.csv:2:7`: \"yes\" in column `bool` is no `true` or `false`"),
        ] {
            assert_eq!(refusal(&format!("text,int,float,bool\n{row}\n"), &typed).message, said);
        }
        let error = refusal("txt\nx\n", &typed);
        assert_eq!(error.message, "`types` names `text`, which is no column of `a.csv`");
        assert_eq!(error.hint.unwrap(), "did you mean `txt`?");
    }

    #[test]
    fn columns_can_be_named_without_a_header() {
        let names = Some(vec!["a".to_owned(), "b".to_owned()]);
        let headless = CsvOptions { has_header: false, columns: names.clone(), ..options() };
        let table = Table::new("a.csv", "1,2\n3,4\n".to_owned(), &headless).unwrap();
        assert_eq!((table.len(), at(&table, 0, "b")), (2, Cell::Text("2".into())));
        let renamed = CsvOptions { columns: names, ..options() };
        let table = Table::new("a.csv", "x,y\n3,4\n".to_owned(), &renamed).unwrap();
        assert_eq!((table.len(), at(&table, 0, "b")), (1, Cell::Text("4".into())));
        let bare = CsvOptions { has_header: false, ..options() };
        assert!(!Table::new("a.csv", "1,2\n".to_owned(), &bare).unwrap().is_named());
        let error = refusal("1,2,3\n", &headless);
        assert_eq!(error.message, "`a.csv` has 3 columns, and `columns` names 2");
    }

    #[test]
    fn a_wrong_file_is_told_with_its_place() {
        for (text, said, hint) in [
            ("a,b\n1,2\n3\n", "`a.csv:3:1`: row 3 has 1 field, not 2", "quote missing"),
            ("a,b\n1,2,3\n", "`a.csv:2:1`: row 2 has 3 fields, not 2", "quote missing"),
            ("a,b\n1,\"2\n", "`a.csv:2:3`: a quote is never closed", "doubled"),
            ("a,b\n1,\"2\"3\n", "`a.csv:2:6`: something follows a closing quote", "doubled"),
            ("a,,b\n", "`a.csv:1:1`: column 2 has no name", "columns"),
            ("a,b,a\n", "`a.csv:1:1`: two columns are named `a`", "rename"),
            ("a,b\n", "`a.csv` has a header and no row", "measures nothing"),
            ("\"a\n\",b\nü,\"x\n1,2,3", "`a.csv:3:3`: a quote is never closed", "doubled"),
        ] {
            let error = refusal(text, &options());
            assert_eq!(error.message, said);
            assert!(error.hint.as_ref().is_some_and(|said| said.contains(hint)), "{:?}", error.hint);
            assert_eq!(error.word.as_deref(), Some("a.csv"));
        }
    }

    #[test]
    fn a_wrong_delimiter_is_guessed_from_the_file() {
        let error = table("symbol;price\nAAPL;1\n").no_column("symbol");
        assert_eq!(error.message, "`a.csv` has no column `symbol`");
        assert!(error.hint.unwrap().ends_with("write `#{ delimiter: \";\" }`"));
        let error = refusal("symbol;price\nAAPL;1,5\n", &options());
        assert_eq!(error.hint.unwrap(), "the file has `;` between its fields: write `#{ delimiter: \";\" }`");
        let semicolons = CsvOptions { delimiter: b';', ..options() };
        assert!(Table::new("a.csv", "symbol;price\nAAPL;1,5\n".to_owned(), &semicolons).is_ok());
    }

    #[test]
    fn a_misspelt_column_names_its_near_ones() {
        let table = table("symbol,price\nAAPL,1\n");
        assert_eq!(table.no_column("symbl").hint.unwrap(), "did you mean `symbol`?");
        assert_eq!(table.no_column("volume").hint.unwrap(), "the columns are `symbol`, `price`");
    }
}
