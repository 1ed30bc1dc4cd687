//! The plan of a post: its kind, and the banks of its sentences.

use super::Language;
use super::chance::Chance;
use super::phrases::{BankId, Phrases};
use super::stories::Stir;

/// Percentage of posts that repeat another one.
const REPOSTS: u64 = 9;
/// Percentage of posts that answer another one.
const REPLIES: u64 = 13;
/// Percentage of posts that are about an address.
const QUOTES: u64 = 6;

/// The indexes of the banks of a keyword in a language.
#[derive(Debug, Default)]
pub(super) struct Banks {
    good: Option<BankId>,
    good_more: Option<BankId>,
    bad: Option<BankId>,
    bad_more: Option<BankId>,
    talk: Option<BankId>,
    talk_more: Option<BankId>,
    reply: Option<BankId>,
    quote: Option<BankId>,
    long: Option<BankId>,
    opening: Option<BankId>,
    tail: Option<BankId>,
    /// Hashtags.
    pub(super) tag: Option<BankId>,
    acts: [Option<BankId>; 2],
}

impl Banks {
    /// The banks that a keyword has in a language.
    pub(super) fn of(phrases: &Phrases, language: Language) -> Self {
        let id = |name: &str| phrases.id(name, language);
        Self {
            good: id("good"),
            good_more: id("goodmore"),
            bad: id("bad"),
            bad_more: id("badmore"),
            talk: id("talk"),
            talk_more: id("talkmore"),
            reply: id("reply"),
            quote: id("quote"),
            long: id("long"),
            opening: id("open"),
            tail: id("tail"),
            tag: id("tag"),
            acts: [id("act1"), id("act2")],
        }
    }

    /// Chooses the banks of a post's sentences.
    pub(super) fn sentences(&self, chance: &mut Chance, plan: &Plan) -> Sentences {
        let act = plan.stir.and_then(|stir| self.acts.get(stir.act).copied()?);
        let (first, second, percent) = match (act, plan.kind, chance.below(100)) {
            (Some(act), ..) => (Some(act), self.talk_more, 10),
            (None, Kind::Reply, _) => (self.reply, self.talk_more, 12),
            (None, Kind::Quote, _) => (self.quote, None, 0),
            (None, _, 0..8) => (self.long, None, 0),
            (None, _, 8..42) => (self.good, self.good_more, 42),
            (None, _, 42..64) => (self.bad, self.bad_more, 42),
            (None, ..) => (self.talk, self.talk_more, 38),
        };
        let may_open = act.is_some() || plan.kind == Kind::Own;
        let second = second.filter(|_| chance.percent(percent));
        Sentences {
            opening: self.opening.filter(|_| may_open && chance.percent(9)),
            first,
            second,
            tail: self.tail.filter(|_| second.is_none() && chance.percent(25)),
        }
    }
}

/// The kind of a post.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// Repeats another post.
    Repost,
    /// Answers another post.
    Reply,
    /// Writes about an address.
    Quote,
    /// Stands alone.
    Own,
}

impl Kind {
    /// A random kind, with the frequency of each kind among posts.
    pub(super) fn draw(chance: &mut Chance) -> Self {
        let drawn = chance.below(100);
        if drawn < REPOSTS {
            Self::Repost
        } else if drawn < REPOSTS + REPLIES {
            Self::Reply
        } else if drawn < REPOSTS + REPLIES + QUOTES {
            Self::Quote
        } else {
            Self::Own
        }
    }
}

/// The plan of a post.
#[derive(Debug)]
pub(super) struct Plan {
    /// The kind of the post.
    pub(super) kind: Kind,
    /// The episode that the post is about, if any.
    pub(super) stir: Option<Stir>,
}

/// The banks of the sentences of a post.
#[derive(Debug, Clone, Copy)]
pub(super) struct Sentences {
    /// A word or two before the first sentence.
    pub(super) opening: Option<BankId>,
    /// The first sentence.
    pub(super) first: Option<BankId>,
    /// A second sentence.
    pub(super) second: Option<BankId>,
    /// A tail, for a text that ends with a letter or a digit.
    pub(super) tail: Option<BankId>,
}
