//! Query strings, read strictly: what a route does not know is refused, not ignored.

use percent_encoding::percent_decode;

use super::pagination;
use super::problem::{Problem, shortened};
use crate::events::{Keyword, Sequence, Timestamp};
use crate::projections::TweetKey;

/// The parameters of one request. An empty value counts as none.
#[derive(Debug)]
pub struct Query {
    pairs: Vec<(&'static str, String)>,
}

impl Query {
    /// Reads a raw query string. `known` names the parameters that the route has; only those in
    /// `repeatable` may come more than once.
    ///
    /// # Errors
    /// [`Problem`] when a parameter is unknown or repeated, or when the bytes behind the percent
    /// signs are not UTF-8.
    pub fn read(
        raw: &str,
        known: &[&'static str],
        repeatable: &[&'static str],
    ) -> Result<Self, Problem> {
        let mut pairs: Vec<(&'static str, String)> = Vec::new();
        for pair in raw.split('&').filter(|pair| !pair.is_empty()) {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            let name = decoded(name)?;
            let Some(name) = known.iter().find(|known| **known == name) else {
                return Err(Problem::UnknownParameter {
                    name: shortened(&name),
                    right: match known {
                        [] => "this route has none".to_owned(),
                        known => format!("this route has {}", known.join(", ")),
                    },
                });
            };
            let value = decoded(value)?;
            if value.is_empty() {
                continue;
            }
            if !repeatable.contains(name) && pairs.iter().any(|(held, _)| held == name) {
                return Err(Problem::BadQuery(format!(
                    "the query parameter {name:?} is given more than once; give it once"
                )));
            }
            pairs.push((name, value));
        }
        Ok(Self { pairs })
    }

    /// The value of a parameter.
    pub fn text(&self, name: &str) -> Option<&str> {
        self.texts(name).next()
    }

    /// The values of a parameter that may come more than once.
    pub fn texts(&self, name: &str) -> impl Iterator<Item = &str> {
        self.pairs
            .iter()
            .filter(move |(held, _)| *held == name)
            .map(|(_, value)| value.as_str())
    }

    /// A whole number from `min` to `max`, or `default`.
    ///
    /// # Errors
    /// [`Problem::BadParameter`] when it is none.
    pub fn number(
        &self,
        name: &'static str,
        min: usize,
        max: usize,
        default: usize,
    ) -> Result<usize, Problem> {
        let Some(text) = self.text(name) else {
            return Ok(default);
        };
        text.parse()
            .ok()
            .filter(|number| (min..=max).contains(number) && !text.starts_with('+'))
            .ok_or_else(|| {
                Problem::parameter(
                    name,
                    text,
                    format!("it must be a whole number from {min} to {max}"),
                )
            })
    }

    /// A moment. The `+` of an offset may have become a space on its way.
    ///
    /// # Errors
    /// [`Problem::BadParameter`] when it is none.
    pub fn moment(&self, name: &'static str) -> Result<Option<Timestamp>, Problem> {
        self.text(name)
            .map(|text| {
                Timestamp::parse(&text.replace(' ', "+")).map_err(|_| {
                    Problem::parameter(
                        name,
                        text,
                        "it must be an RFC 3339 time such as 2026-11-23T07:00:00.123Z",
                    )
                })
            })
            .transpose()
    }

    /// The position through which the views must have folded before they are asked.
    ///
    /// # Errors
    /// [`Problem::BadParameter`] when it is no sequence.
    pub fn min_seq(&self) -> Result<Option<Sequence>, Problem> {
        const NAME: &str = "min_seq";
        self.text(NAME)
            .map(|text| {
                text.parse()
                    .ok()
                    .filter(|_| !text.starts_with('+'))
                    .map(Sequence::new)
                    .ok_or_else(|| {
                        Problem::parameter(
                            NAME,
                            text,
                            "it must be a sequence: a whole number such as the seq that a POST \
                            answered",
                        )
                    })
            })
            .transpose()
    }

    /// The page that ended here is to be continued.
    ///
    /// # Errors
    /// [`Problem::BadParameter`] when it is no cursor.
    pub fn cursor(&self, name: &'static str) -> Result<Option<TweetKey>, Problem> {
        self.text(name)
            .map(|text| {
                pagination::decode(text).ok_or_else(|| {
                    Problem::parameter(
                        name,
                        text,
                        "it must be the next of an earlier page, unchanged",
                    )
                })
            })
            .transpose()
    }

    /// The keywords of a parameter that may come more than once, each once, in the order given.
    ///
    /// # Errors
    /// [`Problem::BadKeyword`] when one cannot be a keyword.
    pub fn keywords(&self, name: &str) -> Result<Vec<Keyword>, Problem> {
        let mut keywords = Vec::new();
        for text in self.texts(name) {
            let keyword =
                Keyword::new(text).map_err(|error| Problem::BadKeyword(error.to_string()))?;
            if !keywords.contains(&keyword) {
                keywords.push(keyword);
            }
        }
        Ok(keywords)
    }

    /// One of a few words, or the default.
    ///
    /// # Errors
    /// [`Problem::BadParameter`] names the words.
    pub fn one_of<T: Copy>(
        &self,
        name: &'static str,
        words: &[(&str, T)],
        default: T,
    ) -> Result<T, Problem> {
        let Some(text) = self.text(name) else {
            return Ok(default);
        };
        words
            .iter()
            .find(|(word, _)| *word == text)
            .map(|(_, meaning)| *meaning)
            .ok_or_else(|| {
                let words: Vec<_> = words.iter().map(|(word, _)| *word).collect();
                Problem::parameter(
                    name,
                    text,
                    format!("it must be one of {}", words.join(", ")),
                )
            })
    }
}

/// What stands behind percent signs and pluses.
fn decoded(text: &str) -> Result<String, Problem> {
    let spaced = text.replace('+', " ");
    percent_decode(spaced.as_bytes())
        .decode_utf8()
        .map(Into::into)
        .map_err(|_| {
            Problem::BadQuery(format!(
                "{:?} in the query is not the percent-encoding of UTF-8 text",
                shortened(text)
            ))
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(raw: &str) -> Result<Query, Problem> {
        Query::read(raw, &["limit", "from", "keyword", "min_seq"], &["keyword"])
    }

    #[test]
    fn values_are_decoded_and_empty_ones_are_none() {
        let query = read("keyword=us+airways&&keyword=%EC%95%84%EC%9D%B4&limit=&from").unwrap();
        assert_eq!(
            query.texts("keyword").collect::<Vec<_>>(),
            ["us airways", "아이"]
        );
        assert_eq!(query.text("limit"), None);
        assert_eq!(query.number("limit", 1, 200, 50).unwrap(), 50);
        assert!(query.moment("from").unwrap().is_none());
    }

    #[test]
    fn unknown_repeated_and_non_utf8_parameters_are_refused() {
        assert!(matches!(
            read("Limit=1"),
            Err(Problem::UnknownParameter { .. })
        ));
        assert!(matches!(
            Query::read("a=1", &[], &[]),
            Err(Problem::UnknownParameter { right, .. }) if right == "this route has none"
        ));
        assert!(matches!(read("limit=1&limit=2"), Err(Problem::BadQuery(_))));
        assert!(matches!(read("keyword=%FF"), Err(Problem::BadQuery(_))));
    }

    #[test]
    fn numbers_are_plain_and_in_range() {
        let limit = |text: &str| {
            read(&format!("limit={text}"))
                .unwrap()
                .number("limit", 1, 200, 50)
        };
        assert_eq!(limit("1").unwrap(), 1);
        assert_eq!(limit("200").unwrap(), 200);
        for bad in [
            "0",
            "201",
            "-1",
            "1.0",
            "%2B5",
            "x",
            "99999999999999999999999",
        ] {
            assert!(limit(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_plus_that_became_a_space_is_still_an_offset() {
        let from = |raw: &str| {
            read(&format!("from={raw}"))
                .unwrap()
                .moment("from")
                .ok()
                .flatten()
        };
        let expected = Timestamp::parse("2026-11-23T07:00:00Z").ok();
        assert!(expected.is_some());
        assert_eq!(from("2026-11-23T16:00:00+09:00"), expected);
        assert_eq!(from("2026-11-23T16:00:00%2B09:00"), expected);
        assert_eq!(from("2026-11-23"), None);
    }

    #[test]
    fn keywords_are_normalised_and_named_once() {
        let query = read("keyword=AI&keyword=%20ai&keyword=b").unwrap();
        let keywords = query.keywords("keyword").unwrap();
        assert_eq!(keywords.len(), 2);
        assert!(read("keyword=%00").unwrap().keywords("keyword").is_err());
    }
}
