//! [`Query`]: reads the parameters of a query string or of a live message. Unknown and repeated
//! parameters of a query string are refused, not ignored.

use std::str::FromStr;

use percent_encoding::percent_decode;
use serde_json::{Map, Value};

use super::pagination;
use super::parameter::{
    Cursor, Keywords, MIN_SEQ, Number, Parameter, Position, RESERVED, Text, Time, Word, Zone,
};
use super::problem::{Problem, shortened};
use super::time_range::zone;
use crate::events::{Keyword, Sequence, Timestamp};
use crate::projections::TweetKey;

/// The parameters of one request. A parameter with an empty value counts as absent.
#[derive(Debug)]
pub struct Query {
    pairs: Vec<(&'static str, String)>,
}

impl Query {
    /// Reads a raw query string, which may contain the `known` parameters.
    ///
    /// # Errors
    /// [`Problem`] when a parameter is unknown or repeated, or when the bytes behind the percent
    /// signs are not UTF-8.
    pub fn read(raw: &str, known: &[Parameter]) -> Result<Self, Problem> {
        let mut pairs: Vec<(&'static str, String)> = Vec::new();
        for pair in raw.split('&').filter(|pair| !pair.is_empty()) {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            let name = decoded(name)?;
            let Some(parameter) = known.iter().find(|known| known.name() == name) else {
                return Err(unknown(&name, known));
            };
            let name = parameter.name();
            let value = decoded(value)?;
            if value.is_empty() {
                continue;
            }
            if !parameter.is_repeatable() && pairs.iter().any(|(held, _)| *held == name) {
                return Err(Problem::BadQuery(format!(
                    "the query parameter {name:?} is given more than once; give it once"
                )));
            }
            pairs.push((name, value));
        }
        Ok(Self { pairs })
    }

    /// Reads the members of a live message that are parameters of its topic. A text that holds a
    /// number may stand for the number.
    ///
    /// # Errors
    /// A text that says what is wrong with a member.
    pub fn of_members(members: &Map<String, Value>, known: &[Parameter]) -> Result<Self, String> {
        let mut pairs = Vec::new();
        for parameter in known {
            let name = parameter.name();
            let text = match (members.get(name), parameter) {
                (None | Some(Value::Null), _) => continue,
                (Some(Value::String(text)), _) => text.clone(),
                (Some(other), Parameter::Number(_)) => other.to_string(),
                (Some(_), _) => return Err(format!("{name} must be a text")),
            };
            pairs.push((name, text));
        }
        Ok(Self { pairs })
    }

    /// Names of the given parameters.
    pub fn names(&self) -> impl Iterator<Item = &'static str> {
        self.pairs.iter().map(|(name, _)| *name)
    }

    /// The value of a parameter, as the client wrote it.
    fn given(&self, name: &str) -> Option<&str> {
        self.all_given(name).next()
    }

    fn all_given(&self, name: &str) -> impl Iterator<Item = &str> {
        self.pairs
            .iter()
            .filter(move |(held, _)| *held == name)
            .map(|(_, value)| value.as_str())
    }

    /// Reads a text. `None` when it is absent.
    pub fn text(&self, parameter: &Text) -> Option<&str> {
        self.given(parameter.0.name)
    }

    /// Reads a whole number.
    ///
    /// # Errors
    /// [`Problem::BadParameter`] when it is not a number, or out of its range.
    pub fn number(&self, parameter: &Number) -> Result<usize, Problem> {
        let Number {
            head,
            min,
            max,
            default,
        } = *parameter;
        let Some(text) = self.given(head.name) else {
            return Ok(default);
        };
        text.parse()
            .ok()
            .filter(|number| (min..=max).contains(number) && !text.starts_with('+'))
            .ok_or_else(|| {
                let right = format!("it must be a whole number from {min} to {max}");
                Problem::parameter(head.name, text, right)
            })
    }

    /// Reads a moment. `None` when it is absent. A space counts as the `+` of an offset, because
    /// percent-decoding turns `+` into a space.
    ///
    /// # Errors
    /// [`Problem::BadParameter`] when it is not an RFC 3339 time.
    pub fn time(&self, parameter: &Time) -> Result<Option<Timestamp>, Problem> {
        let name = parameter.0.name;
        self.given(name)
            .map(|text| {
                Timestamp::parse(&text.replace(' ', "+")).map_err(|_| {
                    let right = "it must be an RFC 3339 time such as 2026-11-23T07:00:00.123Z";
                    Problem::parameter(name, text, right)
                })
            })
            .transpose()
    }

    /// Reads the hours of an offset. A space counts as `+`, as in a moment.
    ///
    /// # Errors
    /// [`Problem::BadParameter`] when it is not an offset of whole hours.
    pub fn zone(&self, parameter: &Zone) -> Result<i8, Problem> {
        let name = parameter.0.name;
        let Some(text) = self.given(name) else {
            return Ok(0);
        };
        zone(text).ok_or_else(|| {
            let right = "it must be an offset of whole hours such as +09:00 or -05:00";
            Problem::parameter(name, text, right)
        })
    }

    /// Reads [`MIN_SEQ`]: the sequence through which the views have to be folded before the answer
    /// is made.
    ///
    /// # Errors
    /// [`Problem::BadParameter`] when it is not a sequence.
    pub fn min_seq(&self) -> Result<Option<Sequence>, Problem> {
        self.position(&MIN_SEQ)
    }

    fn position(&self, parameter: &Position) -> Result<Option<Sequence>, Problem> {
        let name = parameter.0.name;
        self.given(name)
            .map(|text| {
                let number = text.parse().ok().filter(|_| !text.starts_with('+'));
                number.map(Sequence::new).ok_or_else(|| {
                    let right = "it must be a sequence: a whole number such as the seq that a \
                        POST answered";
                    Problem::parameter(name, text, right)
                })
            })
            .transpose()
    }

    /// Reads the cursor from which a result page continues. `None` when it is absent.
    ///
    /// # Errors
    /// [`Problem::BadParameter`] when it is not a cursor.
    pub fn cursor(&self, parameter: &Cursor) -> Result<Option<TweetKey>, Problem> {
        let name = parameter.0.name;
        self.given(name)
            .map(|text| {
                pagination::decode(text).ok_or_else(|| {
                    let right = "it must be the next of an earlier page, unchanged";
                    Problem::parameter(name, text, right)
                })
            })
            .transpose()
    }

    /// Reads keywords, in the given order and without repetitions.
    ///
    /// # Errors
    /// [`Problem::BadKeyword`] when one of them is not a valid keyword. [`Problem::BadQuery`] when
    /// there are none or too many.
    pub fn keywords(&self, parameter: &Keywords) -> Result<Vec<Keyword>, Problem> {
        let (name, max) = (parameter.head.name, parameter.max);
        let mut keywords = Vec::new();
        for text in self.all_given(name) {
            let keyword =
                Keyword::new(text).map_err(|error| Problem::BadKeyword(error.to_string()))?;
            if !keywords.contains(&keyword) {
                keywords.push(keyword);
            }
        }
        if keywords.is_empty() || keywords.len() > max {
            return Err(Problem::BadQuery(format!(
                "{} keywords are named; name 1 to {max}, each as {name}=",
                keywords.len()
            )));
        }
        Ok(keywords)
    }

    /// Reads one of a few words and parses it.
    ///
    /// # Errors
    /// [`Problem::BadParameter`] when it is another word. The problem lists the allowed words.
    pub fn word<T: FromStr>(&self, parameter: &Word) -> Result<T, Problem> {
        let Word {
            head,
            words,
            default,
        } = *parameter;
        let text = self.given(head.name).unwrap_or(default);
        let known = words.contains(&text).then(|| text.parse().ok()).flatten();
        known.ok_or_else(|| {
            let right = format!("it must be one of {}", words.join(", "));
            Problem::parameter(head.name, text, right)
        })
    }

    /// The value of a live topic's parameter, in the JSON form that messages use. `None` when it is
    /// the default. Equal values have equal texts, however the client wrote them.
    ///
    /// # Errors
    /// [`Problem`] when the value is not a valid number, moment or offset.
    pub fn canonical(&self, parameter: &Parameter) -> Result<Option<String>, Problem> {
        let quoted = |text: &str| Value::from(text).to_string();
        Ok(match parameter {
            Parameter::Number(number) => Some(self.number(number)?)
                .filter(|value| *value != number.default)
                .map(|value| value.to_string()),
            Parameter::Word(word) => {
                let text = self.given(word.head.name);
                text.filter(|text| *text != word.default).map(quoted)
            }
            Parameter::Time(time) => self.time(time)?.map(|time| quoted(&time.to_string())),
            Parameter::Zone(parameter) => match self.zone(parameter)? {
                0 => None,
                hours => {
                    let sign = if hours < 0 { '-' } else { '+' };
                    Some(quoted(&format!("{sign}{:02}:00", hours.unsigned_abs())))
                }
            },
            Parameter::Text(text) => self.text(text).map(quoted),
            Parameter::Cursor(_) | Parameter::Position(_) | Parameter::Keywords(_) => {
                let text = self.given(parameter.name());
                text.map(quoted)
            }
        })
    }
}

/// The problem for a parameter that the route does not have.
fn unknown(name: &str, known: &[Parameter]) -> Problem {
    let names: Vec<_> = known.iter().map(Parameter::name).collect();
    let route = match names.as_slice() {
        [] => "this route has none".to_owned(),
        names => format!("this route has {}", names.join(", ")),
    };
    let right = if name == RESERVED {
        format!(
            "it is reserved for answers as of an earlier position, which no route gives yet; {route}"
        )
    } else {
        route
    };
    Problem::UnknownParameter {
        name: shortened(name),
        right,
    }
}

/// Decodes percent-encoding and pluses.
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
    use crate::http::parameter::Head;

    const LIMIT: Number = Number {
        head: Head::new("limit", "How many"),
        min: 1,
        max: 200,
        default: 50,
    };
    const FROM: Time = Time(Head::new("from", "Start"));
    const Q: Text = Text(Head::new("q", "Part of the text"));
    const KEYWORD: Keywords = Keywords {
        head: Head::new("keyword", "Which"),
        max: 2,
    };
    const STEP: Word = Word {
        head: Head::new("step", "Width"),
        words: &["1", "2"],
        default: "1",
    };
    const TZ: Zone = Zone(Head::new("tz", "Offset"));
    const KNOWN: [Parameter; 7] = [
        Parameter::Number(LIMIT),
        Parameter::Time(FROM),
        Parameter::Text(Q),
        Parameter::Keywords(KEYWORD),
        Parameter::Word(STEP),
        Parameter::Zone(TZ),
        Parameter::Position(MIN_SEQ),
    ];

    fn read(raw: &str) -> Result<Query, Problem> {
        Query::read(raw, &KNOWN)
    }

    #[test]
    fn values_are_decoded_and_empty_ones_are_none() {
        let query = read("keyword=us+airways&&keyword=%EC%95%84%EC%9D%B4&limit=&from").unwrap();
        let keywords = query.keywords(&KEYWORD).unwrap();
        let texts: Vec<_> = keywords.iter().map(Keyword::as_str).collect();
        assert_eq!(texts, ["us airways", "아이"]);
        assert_eq!(query.text(&Q), None);
        assert_eq!(query.number(&LIMIT).unwrap(), 50);
        assert!(query.time(&FROM).unwrap().is_none());
    }

    #[test]
    fn unknown_repeated_and_non_utf8_parameters_are_refused() {
        assert!(matches!(
            read("Limit=1"),
            Err(Problem::UnknownParameter { .. })
        ));
        assert!(matches!(
            Query::read("a=1", &[]),
            Err(Problem::UnknownParameter { right, .. }) if right == "this route has none"
        ));
        assert!(matches!(read("limit=1&limit=2"), Err(Problem::BadQuery(_))));
        assert!(matches!(read("q=%FF"), Err(Problem::BadQuery(_))));
    }

    #[test]
    fn reserved_parameter_is_refused_as_reserved() {
        let refused = read("as_of=1").unwrap_err().to_string();
        assert!(
            refused.contains("reserved") && refused.contains("limit"),
            "{refused}"
        );
    }

    #[test]
    fn numbers_are_plain_and_in_range() {
        let limit = |text: &str| read(&format!("limit={text}")).unwrap().number(&LIMIT);
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
    fn plus_decoded_as_space_is_still_read_as_an_offset() {
        let from = |raw: &str| {
            let query = read(&format!("from={raw}")).unwrap();
            query.time(&FROM).ok().flatten()
        };
        let expected = Timestamp::parse("2026-11-23T07:00:00Z").ok();
        assert!(expected.is_some());
        assert_eq!(from("2026-11-23T16:00:00+09:00"), expected);
        assert_eq!(from("2026-11-23T16:00:00%2B09:00"), expected);
        assert_eq!(from("2026-11-23"), None);
    }

    #[test]
    fn zones_are_whole_hours() {
        for (raw, expected) in [
            ("", Some(0)),
            ("tz=Z", Some(0)),
            ("tz=+09:00", Some(9)),
            ("tz=%2B09:00", Some(9)),
            ("tz=-05:00", Some(-5)),
            ("tz=%2B%2B9:00", None),
            ("tz=-a1:00", None),
        ] {
            assert_eq!(read(raw).unwrap().zone(&TZ).ok(), expected, "{raw}");
        }
    }

    #[test]
    fn keywords_are_normalised_and_listed_once() {
        let query = read("keyword=AI&keyword=%20ai&keyword=b").unwrap();
        let keywords = query.keywords(&KEYWORD).unwrap();
        assert_eq!(keywords.len(), 2);
        for bad in ["keyword=%00", "", "keyword=a&keyword=b&keyword=c"] {
            assert!(read(bad).unwrap().keywords(&KEYWORD).is_err(), "{bad}");
        }
    }

    #[test]
    fn equal_values_have_one_form_and_defaults_have_none() {
        let named = |raw: &str| {
            let query = read(raw).unwrap();
            let named = KNOWN.iter().map(|known| query.canonical(known).unwrap());
            named.flatten().collect::<Vec<_>>()
        };
        assert!(named("limit=50&step=1&tz=Z").is_empty());
        assert_eq!(
            named("limit=07&step=2&tz=+09:00&from=2026-11-23T16:00:00%2B09:00"),
            ["7", "\"2026-11-23T07:00:00.000Z\"", "\"2\"", "\"+09:00\""]
        );
    }

    #[test]
    fn members_of_messages_are_texts_or_numbers() {
        let of = |value: Value| Query::of_members(value.as_object().unwrap(), &KNOWN);
        for limit in [serde_json::json!(7), serde_json::json!("7")] {
            let query = of(serde_json::json!({ "limit": limit, "tz": null })).unwrap();
            assert_eq!(query.number(&LIMIT).unwrap(), 7);
        }
        assert_eq!(
            of(serde_json::json!({ "step": 7 })).unwrap_err(),
            "step must be a text"
        );
    }
}
