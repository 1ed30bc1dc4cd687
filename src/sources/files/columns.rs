//! The columns of a table: which one holds which field of a post.

use super::FileError;

/// A field of a post that a column can hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Field {
    Text,
    At,
    Handle,
    Id,
    Name,
    Lang,
    Url,
    Likes,
    Reposts,
    Replies,
    Quotes,
}

/// Each field with its name in `--map`, and the names of columns that hold it, first choice first.
const FIELDS: [(Field, &str, &[&str]); 11] = [
    (
        Field::Text,
        "text",
        &["text", "full_text", "tweet", "content", "body"],
    ),
    (
        Field::At,
        "at",
        &["created_at", "date", "datetime", "timestamp", "time"],
    ),
    (
        Field::Handle,
        "handle",
        &[
            "author.username",
            "username",
            "screen_name",
            "handle",
            "user",
            "author",
        ],
    ),
    (Field::Id, "id", &["id", "tweet_id", "id_str", "status_id"]),
    (Field::Name, "name", &["author.name", "name"]),
    (Field::Lang, "lang", &["lang", "language"]),
    (Field::Url, "url", &["url", "link", "permalink"]),
    (
        Field::Likes,
        "likes",
        &[
            "public_metrics.like_count",
            "like_count",
            "likes",
            "favorite_count",
        ],
    ),
    (
        Field::Reposts,
        "reposts",
        &[
            "public_metrics.retweet_count",
            "retweet_count",
            "retweets",
            "public_metrics.repost_count",
            "repost_count",
            "reposts",
        ],
    ),
    (
        Field::Replies,
        "replies",
        &["public_metrics.reply_count", "reply_count", "replies"],
    ),
    (
        Field::Quotes,
        "quotes",
        &["public_metrics.quote_count", "quote_count", "quotes"],
    ),
];

/// The fields without which a row is no post.
const REQUIRED: [Field; 3] = [Field::Text, Field::At, Field::Handle];

impl Field {
    /// The field of this name in `--map`.
    pub(super) fn named(name: &str) -> Option<Self> {
        let found = FIELDS.iter().find(|(_, known, _)| *known == name);
        found.map(|(field, _, _)| *field)
    }

    /// The names of all fields, as a list in a sentence.
    pub(super) fn names_in_words() -> String {
        FIELDS.map(|(_, name, _)| name).join(", ")
    }

    fn name(self) -> &'static str {
        let found = FIELDS.iter().find(|(field, _, _)| *field == self);
        found.map_or("", |(_, name, _)| name)
    }
}

/// The columns of a table by field.
#[derive(Debug)]
pub(super) struct Columns {
    /// The number of cells in a row.
    width: usize,
    /// The index of the column of each field that has one.
    places: Vec<(Field, usize)>,
}

impl Columns {
    /// Finds the columns of all fields in a header. `mapped` names columns of the user's choice.
    ///
    /// # Errors
    /// [`FileError::Usage`] when a required field or a named column is missing; shows the header.
    pub(super) fn find(
        header: &[String],
        mapped: &[(Field, String)],
        file: &str,
    ) -> Result<Self, FileError> {
        let shown = || header.join(" | ");
        let mut places = Vec::new();
        for (field, column) in mapped {
            let place = place_of(header, column).ok_or_else(|| {
                FileError::Usage(format!(
                    "--map {}={column}: {file} has no such column; its header is {}",
                    field.name(),
                    shown()
                ))
            })?;
            places.push((*field, place));
        }
        for (field, _, names) in FIELDS {
            let is_mapped = places.iter().any(|(known, _)| *known == field);
            let place = names.iter().find_map(|name| place_of(header, name));
            if let Some(place) = place.filter(|_| !is_mapped) {
                places.push((field, place));
            }
        }
        let is_missing = |field: &Field| !places.iter().any(|(known, _)| known == field);
        let missing: Vec<&str> = REQUIRED
            .into_iter()
            .filter(is_missing)
            .map(Field::name)
            .collect();
        if missing.is_empty() {
            let width = header.len();
            return Ok(Self { width, places });
        }
        let flags = missing.iter().map(|name| format!("--map {name}=…"));
        Err(FileError::Usage(format!(
            "{file} has no column for {}; its header is {}; name the columns with {}",
            missing.join(", "),
            shown(),
            flags.collect::<Vec<_>>().join(" ")
        )))
    }

    /// The number of cells in a row.
    pub(super) fn width(&self) -> usize {
        self.width
    }

    /// The index of a field's column, if the table has one.
    pub(super) fn place(&self, field: Field) -> Option<usize> {
        let found = self.places.iter().find(|(known, _)| *known == field);
        found.map(|(_, place)| *place)
    }
}

/// The index of a column: of the one with exactly this name, else without regard to case.
fn place_of(header: &[String], name: &str) -> Option<usize> {
    let exact = header.iter().position(|column| column == name);
    exact.or_else(|| {
        let name = name.to_lowercase();
        header
            .iter()
            .position(|column| column.to_lowercase() == name)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn header(names: &str) -> Vec<String> {
        names.split(',').map(str::to_owned).collect()
    }

    #[test]
    fn first_choice_of_a_name_counts_whatever_the_order_of_columns() {
        let header = header("author,Content,TEXT,author.username,Created_At,id");
        let columns = Columns::find(&header, &[], "a.csv").unwrap();
        assert_eq!(columns.place(Field::Text), Some(2));
        assert_eq!(columns.place(Field::Handle), Some(3));
        assert_eq!(columns.place(Field::At), Some(4));
        assert_eq!(columns.place(Field::Id), Some(5));
        assert_eq!(columns.place(Field::Likes), None);
        assert_eq!(columns.width(), 6);
    }

    #[test]
    fn named_column_replaces_the_known_one() {
        let header = header("text,본문,time,user");
        let mapped = [(Field::Text, "본문".to_owned())];
        let columns = Columns::find(&header, &mapped, "a.csv").unwrap();
        assert_eq!(columns.place(Field::Text), Some(1));
    }

    #[test]
    fn missing_columns_are_named_with_the_header_and_the_flag() {
        let error = Columns::find(&header("본문,작성일,user"), &[], "a.csv").unwrap_err();
        assert_eq!(
            error.to_string(),
            "a.csv has no column for text, at; its header is 본문 | 작성일 | user; name the columns \
            with --map text=… --map at=…"
        );
        let mapped = [(Field::Text, "내용".to_owned())];
        let error = Columns::find(&header("본문,time,user"), &mapped, "a.csv").unwrap_err();
        assert!(
            error
                .to_string()
                .contains("--map text=내용: a.csv has no such column")
        );
    }
}
