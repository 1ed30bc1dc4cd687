//! `GET …/timeline`: a keyword's tweets, newest first, page by page.

use schemars::JsonSchema;
use serde::Serialize;

use super::tweet::Tweet;
use crate::actors::live::{DEFAULT_LIMIT, Topic};
use crate::events::{Keyword, Timestamp, normal_form};
use crate::http::lanes::Lane;
use crate::http::pagination;
use crate::http::parameter::{Cursor, Head, Number, Parameter, Text, Time};
use crate::http::problem::Problem;
use crate::http::query::Query;
use crate::http::resource::{KeywordResource, Live, Resource};
use crate::projections::{
    KeywordSummary, Rows, RowsError, TimelinePage, TimelineQuery, TimelineScan,
};

/// Maximum number of tweets in a result page or in a live snapshot.
pub const MAX_LIMIT_TWEETS: usize = 200;

const LIMIT: Number = Number {
    head: Head::new("limit", "Maximum number of tweets")
        .live("Maximum number of tweets in a snapshot"),
    min: 1,
    max: MAX_LIMIT_TWEETS,
    default: DEFAULT_LIMIT,
};
const BEFORE: Cursor = Cursor(Head::new("before", "The `next` of the previous page").not_live());
const FROM: Time = Time(Head::new("from", "Only tweets at or after this moment").not_live());
const TO: Time = Time(Head::new("to", "Only tweets before this moment").not_live());
const LANG: Text = Text(
    Head::new(
        "lang",
        "Only tweets in this language (the whole value, ignoring case)",
    )
    .not_live(),
);
const AUTHOR: Text = Text(
    Head::new(
        "author",
        "Only tweets by this handle (the whole handle, ignoring case)",
    )
    .not_live(),
);
const Q: Text =
    Text(Head::new("q", "Only texts that contain this; both in normal form").not_live());

/// A query for one result page of a keyword's timeline.
#[derive(Debug, Clone)]
pub struct Timeline(TimelineQuery);

#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "Timeline")]
pub struct TimelineAnswer {
    items: Vec<Tweet>,
    /// The `before` of the next result page; null if there is none
    next: Option<String>,
}

type TimelineResult = Result<TimelineAnswer, RowsError>;

impl From<TimelinePage> for TimelineAnswer {
    fn from(page: TimelinePage) -> Self {
        Self {
            items: page.items.into_iter().map(Tweet::from).collect(),
            next: page.next.as_ref().map(pagination::encode),
        }
    }
}

impl Resource for Timeline {
    const NAME: &'static str = "timeline";
    const PATH: &'static str = "/api/v1/keywords/{token}/timeline";
    const SUMMARY: &'static str = "A keyword's tweets, newest first";
    const PARAMETERS: &'static [Parameter] = &[
        Parameter::Number(LIMIT),
        Parameter::Cursor(BEFORE),
        Parameter::Time(FROM),
        Parameter::Time(TO),
        Parameter::Text(LANG),
        Parameter::Text(AUTHOR),
        Parameter::Text(Q),
    ];
    const EXAMPLES: &'static [&'static str] = &["", "limit=1", "q=ai&lang=ko"];
    const LIVE: Live = Live::Incremental {
        read: topic,
        is_default: true,
    };

    type Answer = TimelineAnswer;

    fn read(query: &Query, _: Timestamp) -> Result<Self, Problem> {
        let wanted = TimelineQuery {
            limit: query.number(&LIMIT)?,
            before: query.cursor(&BEFORE)?,
            from: query.time(&FROM)?,
            to: query.time(&TO)?,
            lang: query.text(&LANG).map(str::to_owned),
            author: query.text(&AUTHOR).map(str::to_owned),
            text: query
                .text(&Q)
                .map(normal_form)
                .filter(|text| !text.is_empty()),
        };
        match (wanted.from, wanted.to) {
            (Some(from), Some(to)) if from > to => Err(Problem::BadQuery(format!(
                "from {from} is after to {to}; give an earlier from or a later to"
            ))),
            _ => Ok(Self(wanted)),
        }
    }
}

impl KeywordResource for Timeline {
    fn lane(&self) -> Lane {
        if self.0.is_filtered() {
            Lane::Scan
        } else {
            Lane::Rows
        }
    }

    fn query(
        self,
        _: Keyword,
        _: Timestamp,
    ) -> impl FnMut(&KeywordSummary, &dyn Rows) -> TimelineResult + Send + 'static {
        let mut scan = TimelineScan::new(self.0);
        move |_: &KeywordSummary, rows: &dyn Rows| scan.run(rows).map(TimelineAnswer::from)
    }
}

fn topic(query: &Query, _: Timestamp) -> Result<Topic, Problem> {
    Ok(Topic::Timeline {
        limit: query.number(&LIMIT)?,
    })
}
