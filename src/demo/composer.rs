//! Writes posts: chooses the author, the kind of post and its phrases.

use super::authors::{Author, AuthorId};
use super::chance::Chance;
use super::mistakes;
use super::pen::{Draft, Scene};
use super::plan::{Banks, Kind, Plan};
use super::rates::Tick;
use super::stories::{Stir, USUAL};
use super::subjects::{COUNT, SUBJECTS};
use super::{Language, World};

/// Number of recent posts of a keyword that can be answered and repeated.
const RECENT: usize = 24;
/// During an episode: percentage of the keyword's posts that are about it.
const ABOUT_EPISODE: u64 = 88;
/// During an episode: percentage of the keyword's posts that its voices write.
const BY_VOICES: u64 = 30;

/// A post that can be answered and repeated.
#[derive(Debug)]
struct Recent {
    id: u64,
    author: AuthorId,
    text: String,
    language: Language,
}

/// A composed post, without its text.
#[derive(Debug, Clone, Copy)]
pub(super) struct Composed<'w> {
    /// The author.
    pub(super) author: &'w Author,
    /// The language of the text.
    pub(super) language: Language,
    /// The id of the post that this post answers.
    pub(super) reply_to: Option<u64>,
    /// The id of the post that this post repeats.
    pub(super) repost_of: Option<u64>,
}

/// Writes the posts of a world.
#[derive(Debug)]
pub(super) struct Composer<'w> {
    world: &'w World,
    banks: Vec<[Banks; 2]>,
    recent: [Vec<Recent>; COUNT],
    draft: Draft,
}

impl<'w> Composer<'w> {
    /// A composer without posts.
    pub(super) fn of(world: &'w World) -> Self {
        let banks = world.phrases.iter().map(|phrases| {
            [Language::Korean, Language::English].map(|language| Banks::of(phrases, language))
        });
        Self {
            world,
            banks: banks.collect(),
            recent: [const { Vec::new() }; COUNT],
            draft: Draft::default(),
        }
    }

    /// The text of the post that was composed last.
    pub(super) fn text(&self) -> &str {
        &self.draft.text
    }

    /// Composes the post `id`.
    pub(super) fn compose(
        &mut self,
        chance: &mut Chance,
        tick: &Tick,
        id: u64,
    ) -> Option<Composed<'w>> {
        let keyword = chance.position(&tick.sums);
        let korean = tick.korean.get(keyword).copied().unwrap_or_default();
        let language = if chance.below(1_000) < korean {
            Language::Korean
        } else {
            Language::English
        };
        let stirs = tick.stirs.iter().flatten();
        let stirs = stirs.filter(|stir| stir.keyword == keyword && stir.times > USUAL);
        let strongest = stirs.max_by_key(|stir| stir.times).copied();
        let author = self.author(chance, keyword, language, strongest)?;
        self.draft.clear();
        let kind = Kind::draw(chance);
        if kind == Kind::Repost
            && let Some(repeated) = self.repost(chance, keyword, author)
        {
            return Some(repeated);
        }
        let mut composed = Composed {
            author: self.world.authors.get(author)?,
            language,
            reply_to: None,
            repost_of: None,
        };
        if kind == Kind::Reply {
            composed.reply_to = self.address(chance, keyword, author, language);
        }
        let plan = Plan {
            kind,
            stir: strongest.filter(|_| chance.percent(ABOUT_EPISODE)),
        };
        self.write(chance, keyword, &composed, &plan)?;
        let post = Recent {
            id,
            author,
            text: self.draft.text.clone(),
            language,
        };
        self.keep(chance, keyword, post);
        Some(composed)
    }

    fn author(
        &self,
        chance: &mut Chance,
        keyword: usize,
        language: Language,
        stir: Option<Stir>,
    ) -> Option<AuthorId> {
        let authors = &self.world.authors;
        let voice = stir.filter(|_| chance.percent(BY_VOICES));
        voice
            .and_then(|_| authors.draw_voice(chance, language, keyword))
            .or_else(|| authors.draw(chance, language, keyword))
    }

    /// Keeps a post that can be answered and repeated. When the list is full, the post replaces a
    /// random one.
    fn keep(&mut self, chance: &mut Chance, keyword: usize, post: Recent) {
        let Some(recent) = self.recent.get_mut(keyword) else {
            return;
        };
        if recent.len() < RECENT {
            recent.push(post);
        } else {
            if let Some(slot) = recent.get_mut(chance.index(RECENT)) {
                *slot = post;
            }
        }
    }

    /// Repeats another post of the keyword.
    fn repost(
        &mut self,
        chance: &mut Chance,
        keyword: usize,
        author: AuthorId,
    ) -> Option<Composed<'w>> {
        let of = chance.pick(self.recent.get(keyword)?)?;
        let authors = &self.world.authors;
        if of.author == author {
            return None;
        }
        let text = &mut self.draft.text;
        text.push_str("RT @");
        text.push_str(&authors.get(of.author)?.handle);
        text.push_str(": ");
        text.push_str(&of.text);
        Some(Composed {
            author: authors.get(author)?,
            language: of.language,
            reply_to: None,
            repost_of: Some(of.id),
        })
    }

    /// Begins an answer to another post of the keyword. Returns the id of that post.
    fn address(
        &mut self,
        chance: &mut Chance,
        keyword: usize,
        author: AuthorId,
        language: Language,
    ) -> Option<u64> {
        let to = chance.pick(self.recent.get(keyword)?)?;
        if to.author == author || to.language != language {
            return None;
        }
        let handle = &self.world.authors.get(to.author)?.handle;
        self.draft.text.push('@');
        self.draft.text.push_str(handle);
        self.draft.names.push(0..self.draft.text.len());
        self.draft.text.push(' ');
        Some(to.id)
    }

    /// Writes the text: a sentence about its subject, often a second sentence, sometimes hashtags
    /// or an address.
    fn write(
        &mut self,
        chance: &mut Chance,
        keyword: usize,
        composed: &Composed<'_>,
        plan: &Plan,
    ) -> Option<()> {
        let language = composed.language;
        let subject = SUBJECTS.get(keyword)?;
        let banks = self
            .banks
            .get(keyword)?
            .get(usize::from(language == Language::English))?;
        let sentences = banks.sentences(chance, plan);
        let scene = self.scene(chance, keyword, language, plan.stir)?;
        let draft = &mut self.draft;
        if let Some(opening) = sentences.opening {
            draft.write(&scene, chance, opening);
            draft.push(" ");
        }
        draft.write(&scene, chance, sentences.first?);
        if let Some(second) = sentences.second {
            draft.begin_sentence(chance, language);
            draft.write(&scene, chance, second);
        }
        if let Some(tail) = sentences.tail.filter(|_| draft.ends_plainly()) {
            draft.write(&scene, chance, tail);
        }
        if !names(&draft.text, subject.keyword) {
            draft.push(" ");
            draft.name(subject.keyword);
        }
        mistakes::apply(draft, language, composed.author.habits, chance);
        if plan.kind == Kind::Quote || chance.percent(3) {
            draft.push(" ");
            draft.address(chance);
        }
        let tags = banks
            .tag
            .filter(|_| chance.percent(composed.author.habits.tags));
        if let Some(tag) = tags {
            for _ in 0..chance.between(1, 3) {
                draft.push(" ");
                draft.write(&scene, chance, tag);
            }
        }
        draft.end();
        Some(())
    }

    /// The values of the slots of a post.
    fn scene(
        &self,
        chance: &mut Chance,
        keyword: usize,
        language: Language,
        stir: Option<Stir>,
    ) -> Option<Scene<'w>> {
        let world = self.world;
        let mentioned = world.authors.draw(chance, language, keyword)?;
        let other = other_keyword(chance, keyword);
        Some(Scene {
            phrases: world.phrases.get(keyword)?,
            keyword: SUBJECTS.get(keyword)?.keyword,
            other: SUBJECTS.get(other)?.keyword,
            mention: &world.authors.get(mentioned)?.handle,
            facts: stir.map_or_else(|| chance.next(), |stir| stir.facts),
        })
    }
}

/// Another keyword than `keyword`, preferably of the same circle.
fn other_keyword(chance: &mut Chance, keyword: usize) -> usize {
    let any = chance.index(COUNT - 1);
    let any = if any < keyword { any } else { any + 1 };
    let circle = SUBJECTS.get(keyword).map(|subject| subject.circle);
    let in_circle = chance.index(COUNT);
    let is_related =
        in_circle != keyword && SUBJECTS.get(in_circle).map(|subject| subject.circle) == circle;
    if is_related { in_circle } else { any }
}

/// Whether a text contains a keyword, without case. An ASCII keyword must consist of whole words of
/// the text.
fn names(text: &str, keyword: &str) -> bool {
    if !keyword.is_ascii() {
        return text.contains(keyword);
    }
    let (text, keyword) = (text.as_bytes(), keyword.as_bytes());
    let is_open = |at: Option<usize>| {
        let neighbour = at.and_then(|at| text.get(at));
        neighbour.is_none_or(|byte| !byte.is_ascii_alphanumeric() && *byte != b'_')
    };
    let parts = text.windows(keyword.len()).enumerate();
    parts
        .filter(|(_, part)| part.eq_ignore_ascii_case(keyword))
        .any(|(at, _)| is_open(at.checked_sub(1)) && is_open(Some(at + keyword.len())))
}
