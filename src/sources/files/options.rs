//! What the user says of a file: its format, source, columns, encoding, zone and author.

use encoding_rs::{EUC_KR, Encoding, REPLACEMENT};

use super::FileError;
use super::columns::Field;

/// Maximum length of the name of a source, in characters.
const MAX_SOURCE_CHARS: usize = 32;
/// The largest distance of a time zone from UTC, in hours.
const MAX_ZONE_HOURS: i64 = 14;

/// The arguments of the command line, as written.
#[derive(Debug, Clone, Default)]
pub struct FileArguments {
    /// `auto`, `native`, `twarc`, `archive` or `csv`.
    pub format: Option<String>,
    /// The source of posts that name none.
    pub source: Option<String>,
    /// Pairs `FIELD=COLUMN` for tables.
    pub map: Vec<String>,
    /// The delimiter of tables.
    pub delimiter: Option<String>,
    /// The label of an encoding.
    pub encoding: Option<String>,
    /// The zone of times without one, `±HH:MM`.
    pub tz: Option<String>,
    /// The author of an X archive without `account.js`.
    pub author: Option<String>,
}

/// The formats of files.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum FileFormat {
    /// Decided by the first record.
    #[default]
    Auto,
    /// Events of tidings, one a line.
    Native,
    /// Tweets of X API v1.1 and v2, as twarc writes them.
    Twarc,
    /// A file of an X archive.
    Archive,
    /// A table with a header.
    Csv,
}

/// Arguments that have been checked.
#[derive(Debug, Clone, Default)]
pub struct FileOptions {
    /// The format.
    pub format: FileFormat,
    /// The source, if it was given.
    pub source: Option<String>,
    /// The columns that were named for fields.
    pub(super) columns: Vec<(Field, String)>,
    /// The delimiter of tables, if it was given.
    pub delimiter: Option<u8>,
    /// The encoding, if it was given.
    pub encoding: Option<&'static Encoding>,
    /// The zone of times without one, in milliseconds east of UTC.
    pub zone_millis: i64,
    /// The author of an archive, if one was given.
    pub author: Option<String>,
}

impl FileOptions {
    /// Checks arguments.
    ///
    /// # Errors
    /// [`FileError::Usage`] names the argument and its right values.
    pub fn checked(arguments: &FileArguments) -> Result<Self, FileError> {
        let given = |argument: &Option<String>| argument.clone();
        Ok(Self {
            format: given(&arguments.format).map_or(Ok(FileFormat::Auto), |name| format(&name))?,
            source: given(&arguments.source).map(source).transpose()?,
            columns: arguments
                .map
                .iter()
                .map(|pair| column(pair))
                .collect::<Result<_, _>>()?,
            delimiter: given(&arguments.delimiter)
                .map(|text| delimiter(&text))
                .transpose()?,
            encoding: given(&arguments.encoding)
                .map(|label| encoding(&label))
                .transpose()?,
            zone_millis: given(&arguments.tz).map_or(Ok(0), |text| zone(&text))?,
            author: given(&arguments.author)
                .map(|handle| author(&handle))
                .transpose()?,
        })
    }

    /// The source of posts that name none: the one that was given, else `default`.
    pub(super) fn source_or<'a>(&'a self, default: &'a str) -> &'a str {
        self.source.as_deref().unwrap_or(default)
    }
}

fn format(name: &str) -> Result<FileFormat, FileError> {
    Ok(match name {
        "auto" => FileFormat::Auto,
        "native" => FileFormat::Native,
        "twarc" => FileFormat::Twarc,
        "archive" => FileFormat::Archive,
        "csv" => FileFormat::Csv,
        _ => {
            return Err(FileError::Usage(format!(
                "--format {name:?} must be auto, native, twarc, archive or csv"
            )));
        }
    })
}

fn source(name: String) -> Result<String, FileError> {
    let is_allowed = |byte: u8| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'_' | b'-');
    if (1..=MAX_SOURCE_CHARS).contains(&name.len()) && name.bytes().all(is_allowed) {
        return Ok(name);
    }
    Err(FileError::Usage(format!(
        "--source {name:?} must be 1 to {MAX_SOURCE_CHARS} of the characters a-z, 0-9, _ and -"
    )))
}

fn column(pair: &str) -> Result<(Field, String), FileError> {
    let wrong = || {
        FileError::Usage(format!(
            "--map {pair:?} must be FIELD=COLUMN, with a field out of {}",
            Field::names_in_words()
        ))
    };
    let (field, column) = pair.split_once('=').ok_or_else(wrong)?;
    let field = Field::named(field.trim()).ok_or_else(wrong)?;
    match column.trim() {
        "" => Err(wrong()),
        column => Ok((field, column.to_owned())),
    }
}

fn delimiter(text: &str) -> Result<u8, FileError> {
    match text.as_bytes() {
        b"tab" | b"\\t" => Ok(b'\t'),
        [byte] if byte.is_ascii() && !matches!(byte, b'"' | b'\r' | b'\n') => Ok(*byte),
        _ => Err(FileError::Usage(format!(
            "--delimiter {text:?} must be one ASCII character, such as ; or tab"
        ))),
    }
}

/// Finds an encoding by its label, also by the names of code pages.
fn encoding(label: &str) -> Result<&'static Encoding, FileError> {
    let name = label.trim().to_ascii_lowercase();
    let found = match name.as_str() {
        "cp949" | "ms949" | "uhc" | "949" | "ks_c_5601" | "ksc5601" | "euckr" => Some(EUC_KR),
        "utf16" => Encoding::for_label(b"utf-16"),
        "utf16le" => Encoding::for_label(b"utf-16le"),
        "utf16be" => Encoding::for_label(b"utf-16be"),
        "cp932" | "ms932" => Encoding::for_label(b"shift_jis"),
        "cp936" | "ms936" => Encoding::for_label(b"gbk"),
        "cp950" => Encoding::for_label(b"big5"),
        name => Encoding::for_label(name.as_bytes()).or_else(|| {
            let page = name
                .strip_prefix("cp")
                .or_else(|| name.strip_prefix("ms"))?;
            Encoding::for_label(format!("windows-{page}").as_bytes())
        }),
    };
    found
        .filter(|encoding| *encoding != REPLACEMENT)
        .ok_or_else(|| {
            FileError::Usage(format!(
                "--encoding {label:?} is not known; labels are, among others, utf-8, utf-16, \
                cp949, euc-kr, shift_jis, gbk, big5, windows-1252"
            ))
        })
}

fn zone(text: &str) -> Result<i64, FileError> {
    let millis = || {
        let (sign, rest) = match text.split_at_checked(1)? {
            ("+", rest) => (1, rest),
            ("-", rest) => (-1, rest),
            _ => return None,
        };
        let (hours, minutes) = rest.split_once(':')?;
        let number = |digits: &str| {
            let is_number = digits.len() == 2 && digits.bytes().all(|byte| byte.is_ascii_digit());
            is_number.then(|| digits.parse::<i64>().ok()).flatten()
        };
        let (hours, minutes) = (number(hours)?, number(minutes)?);
        let minutes_of_day = hours * 60 + minutes;
        (minutes < 60 && minutes_of_day <= MAX_ZONE_HOURS * 60)
            .then_some(sign * minutes_of_day * 60_000)
    };
    millis().ok_or_else(|| {
        FileError::Usage(format!(
            "--tz {text:?} must be a distance from UTC such as +09:00, at most {MAX_ZONE_HOURS} \
            hours"
        ))
    })
}

fn author(handle: &str) -> Result<String, FileError> {
    let handle = handle.trim();
    match handle.strip_prefix('@').unwrap_or(handle) {
        "" => Err(FileError::Usage("--author must be a handle".to_owned())),
        handle => Ok(handle.to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn usage(arguments: &FileArguments) -> String {
        match FileOptions::checked(arguments) {
            Err(FileError::Usage(message)) => message,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn wrong_arguments_name_the_right_ones() {
        let text = |text: &str| Some(text.to_owned());
        for (arguments, said) in [
            (
                FileArguments {
                    format: text("xml"),
                    ..FileArguments::default()
                },
                "--format \"xml\" must be auto, native, twarc, archive or csv",
            ),
            (
                FileArguments {
                    source: text("My Source"),
                    ..FileArguments::default()
                },
                "--source \"My Source\" must be 1 to 32",
            ),
            (
                FileArguments {
                    map: vec!["words=Column".to_owned()],
                    ..FileArguments::default()
                },
                "a field out of text, at, handle, id, name, lang, url, likes, reposts, replies, \
                quotes",
            ),
            (
                FileArguments {
                    map: vec!["text".to_owned()],
                    ..FileArguments::default()
                },
                "must be FIELD=COLUMN",
            ),
            (
                FileArguments {
                    delimiter: text(";;"),
                    ..FileArguments::default()
                },
                "--delimiter \";;\" must be one ASCII character",
            ),
            (
                FileArguments {
                    encoding: text("klingon"),
                    ..FileArguments::default()
                },
                "--encoding \"klingon\" is not known",
            ),
            (
                FileArguments {
                    tz: text("KST"),
                    ..FileArguments::default()
                },
                "--tz \"KST\" must be a distance from UTC such as +09:00",
            ),
            (
                FileArguments {
                    tz: text("+15:00"),
                    ..FileArguments::default()
                },
                "at most 14 hours",
            ),
            (
                FileArguments {
                    author: text("@"),
                    ..FileArguments::default()
                },
                "--author must be a handle",
            ),
        ] {
            let message = usage(&arguments);
            assert!(message.contains(said), "{message}");
        }
    }

    #[test]
    fn encodings_are_found_by_the_names_of_code_pages() {
        for (label, name) in [
            ("cp949", "EUC-KR"),
            ("CP949", "EUC-KR"),
            ("ks_c_5601", "EUC-KR"),
            ("euc-kr", "EUC-KR"),
            ("cp1252", "windows-1252"),
            ("windows-1252", "windows-1252"),
            ("cp932", "Shift_JIS"),
            ("utf-16", "UTF-16LE"),
        ] {
            assert_eq!(encoding(label).unwrap().name(), name, "{label}");
        }
    }

    #[test]
    fn zones_are_distances_from_utc() {
        assert_eq!(zone("+09:00").unwrap(), 32_400_000);
        assert_eq!(zone("-03:30").unwrap(), -12_600_000);
    }

    #[test]
    fn delimiter_can_be_written_as_a_word() {
        assert_eq!(delimiter("tab").unwrap(), b'\t');
        assert_eq!(delimiter(";").unwrap(), b';');
    }
}
