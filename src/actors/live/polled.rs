//! Polled topics: answers that are made again as a whole, at most once a second.
//!
//! Who serves clients says what is asked: a [`PolledTopic`] carries its question. The live system
//! asks it of the views, and hands the encoded answer to the [encoder](super::Encoder).

use std::fmt;
use std::hash::{Hash, Hasher};
use std::ops::Range;
use std::sync::Arc;

use super::message::Position;
use crate::access::KeywordSet;
use crate::events::Timestamp;
use crate::projections::{KeywordSummary, Rows, RowsError};
use crate::store::{StoreError, Views};

/// A polled topic with its parameters; cheap to clone. Topics of equal name and parameters, over
/// the same keywords, are equal and share a channel.
#[derive(Debug, Clone)]
pub struct PolledTopic(Arc<PolledDetails>);

#[derive(Debug)]
struct PolledDetails {
    name: &'static str,
    parameters: Vec<(&'static str, String)>,
    long_lists: &'static [&'static str],
    question: PolledQuestion,
}

impl PolledTopic {
    /// A topic of this name. `parameters` are those that are not the default, each with its encoded
    /// value; equal parameters are encoded alike. `long_lists` names at most two members of the
    /// answer that are lists and may be too long for one message.
    pub fn new(
        name: &'static str,
        parameters: Vec<(&'static str, String)>,
        long_lists: &'static [&'static str],
        question: PolledQuestion,
    ) -> Self {
        Self(Arc::new(PolledDetails {
            name,
            parameters,
            long_lists,
            question,
        }))
    }

    /// Its name.
    pub fn name(&self) -> &'static str {
        self.0.name
    }

    /// Its parameters that are not the default, each with its encoded value.
    pub fn parameters(&self) -> &[(&'static str, String)] {
        &self.0.parameters
    }

    /// Members of the answer that are lists and may be too long for one message.
    pub fn long_lists(&self) -> &'static [&'static str] {
        self.0.long_lists
    }

    /// The question.
    pub(super) fn question(&self) -> &PolledQuestion {
        &self.0.question
    }

    /// It is of all keywords, not of one.
    pub fn is_of_all(&self) -> bool {
        match self.0.question {
            PolledQuestion::OfKeyword(_) => false,
            PolledQuestion::Across(..) => true,
        }
    }

    /// What equal topics have in common.
    fn identity(&self) -> (&'static str, &[(&'static str, String)], Option<&KeywordSet>) {
        let countable = match &self.0.question {
            PolledQuestion::OfKeyword(_) => None,
            PolledQuestion::Across(countable, _) => Some(countable),
        };
        (self.0.name, &self.0.parameters, countable)
    }
}

impl PartialEq for PolledTopic {
    fn eq(&self, other: &Self) -> bool {
        self.identity() == other.identity()
    }
}

impl Eq for PolledTopic {}

impl Hash for PolledTopic {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.identity().hash(state);
    }
}

/// What a polled topic asks.
#[derive(Debug, Clone)]
pub enum PolledQuestion {
    /// A question about one keyword.
    OfKeyword(Arc<dyn KeywordQuestion>),
    /// A question about all keywords that may be counted.
    Across(KeywordSet, Arc<dyn AcrossQuestion>),
}

impl PolledQuestion {
    /// A question about one keyword.
    pub fn of_keyword(question: impl KeywordQuestion) -> Self {
        Self::OfKeyword(Arc::new(question))
    }

    /// A question about these keywords.
    pub fn across(countable: KeywordSet, question: impl AcrossQuestion) -> Self {
        Self::Across(countable, Arc::new(question))
    }
}

/// A question about one keyword.
pub trait KeywordQuestion: fmt::Debug + Send + Sync + 'static {
    /// The answer from the keyword's rows, under one version of them. May block.
    ///
    /// # Errors
    /// [`RowsError`].
    fn ask(
        &self,
        summary: &KeywordSummary,
        rows: &dyn Rows,
        now: Timestamp,
    ) -> Result<EncodedAnswer, RowsError>;

    /// The readings of the clock for which the answer made now stays the same while no event is
    /// folded; `None` when the time does not matter.
    fn current_during(&self, now: Timestamp) -> Option<Range<Timestamp>>;
}

/// A question about many keywords.
pub trait AcrossQuestion: fmt::Debug + Send + Sync + 'static {
    /// The answer over the keywords that may be counted. May block.
    ///
    /// # Errors
    /// [`StoreError`].
    fn ask(
        &self,
        views: &Views,
        countable: &KeywordSet,
        now: Timestamp,
    ) -> Result<EncodedAnswer, StoreError>;

    /// The same as [`KeywordQuestion::current_during`].
    fn current_during(&self, now: Timestamp) -> Option<Range<Timestamp>>;
}

/// An answer in the encoding that the [encoder](super::Encoder) reads.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EncodedAnswer(pub Box<[u8]>);

/// An answer of a polled topic.
#[derive(Debug, Clone)]
pub struct PolledAnswer {
    /// Of when it is.
    pub position: Position,
    /// The readings of the clock for which it stays the same without any event; `None` for all.
    pub current: Option<Range<Timestamp>>,
    /// The answer.
    pub answer: EncodedAnswer,
}
