//! Runs of two words that are written together.

use super::super::lexicon::Form;
use super::eojeol::{Eojeol, Final};
use super::nouns::SHORTEST;

/// Determiners that are often written together with a noun of [`DETERMINED`].
const DETERMINERS: [char; 6] = ['이', '그', '저', '내', '제', '울'];
/// Nouns that are common after a determiner, so that the run is not a name: 이영화 is "this film", 이영애
/// is a person.
const DETERMINED: &str = "영화 드라마 노래 사람 배우 감독 작품 게임 제품 가게 회사 나라 정도 시간 시대 세상 \
    친구 사진 기사 순간 인생 마음 생각 평점";
/// Particles before a verb that is written together with its noun.
const PARTICLES: [char; 9] = ['이', '가', '을', '를', '은', '는', '도', '만', '에'];
/// Verbs of one syllable that are often written together with the noun before them.
const SHORT_VERBS: [char; 17] = [
    '보', '봤', '본', '볼', '봐', '하', '한', '할', '했', '해', '있', '없', '같', '좋', '싫', '됐',
    '나',
];
/// Adverbs of one syllable that are often written together with the verb after them.
const ADVERBS: [char; 8] = ['안', '못', '잘', '더', '꼭', '왜', '다', '또'];

impl Eojeol<'_> {
    /// Length in syllables of the first word of a run of two words: a determiner, an adverb or the
    /// like, or an adnominal verb, as in 이영화 and 좋은영화.
    pub(super) fn introduction(&mut self) -> Option<usize> {
        let forms = self.forms(0);
        let mut functions = forms.iter().enumerate().skip(SHORTEST).rev();
        let function =
            functions.find(|(length, form)| *length < self.length && form.is(Form::FUNCTION));
        if let Some((length, _)) = function {
            return Some(length);
        }
        let behind_first = self.from(1);
        if (self.from(0).starts_with(DETERMINERS)
            && DETERMINED
                .split(' ')
                .any(|noun| behind_first.starts_with(noun)))
            || (self.from(0).starts_with(ADVERBS) && self.predicate(1) > 0)
        {
            return Some(1);
        }
        self.adnominal()
    }

    /// Length in syllables of the longest adnominal verb at the beginning of the run that a noun
    /// of the lexicon follows.
    fn adnominal(&mut self) -> Option<usize> {
        (SHORTEST..self.length.saturating_sub(1)).rev().find(|end| {
            matches!(self.final_before(*end), Final::N | Final::L)
                && Eojeol::new(self.to(*end)).adnominal_predicate()
                && Eojeol::new(self.from(*end))
                    .known()
                    .is_some_and(|noun| noun.is_some())
        })
    }

    /// Length in syllables of the noun of a run that consists of a noun and a verb, as in 생각을하게
    /// and 영화보고.
    pub(super) fn clause(&mut self) -> Option<usize> {
        let mut ends = 0_u32;
        let lexicon = self.lexicon;
        lexicon.nouns_in(self.syllables(0), |length, _| ends |= 1 << length);
        (SHORTEST..self.length).rev().find(|end| {
            ends >> end & 1 == 1
                && (self.is_verb_behind_noun(*end)
                    || (self.from(*end).starts_with(PARTICLES)
                        && self.is_verb_behind_noun(end + 1)))
        })
    }

    /// Whether a verb extends from `position` to the end. A verb of one syllable is often a part of
    /// the noun with a particle, so only the most frequent ones count.
    fn is_verb_behind_noun(&mut self, position: usize) -> bool {
        let head = self.predicate(position);
        head > 1 || (head == 1 && self.from(position).starts_with(SHORT_VERBS))
    }
}
