//! The clause of a keyword in a rule or a query of X, and the form of the whole value.
//!
//! X cuts posts at blanks and punctuation and matches whole words. The matcher of the server also
//! finds a keyword inside a word: `아이폰` in `아이폰은`. The clause of a Korean keyword therefore
//! lists the keyword with its commonest particles.

use unicode_script::{Script, UnicodeScript};

use crate::settings::XSettings;
use crate::sources::WatchedKeyword;
use crate::text::is_hashtag;

/// The operator between the terms of a value.
pub(super) const OR: &str = " OR ";
/// The length of [`OR`], in code points.
pub(super) const OR_CHARS: usize = 4;
/// The particles after a final consonant.
const AFTER_CONSONANT: [&str; 6] = ["은", "이", "을", "과", "으로", "이랑"];
/// The particles after a vowel.
const AFTER_VOWEL: [&str; 6] = ["는", "가", "를", "와", "로", "랑"];
/// The particles that follow both.
const AFTER_BOTH: [&str; 7] = ["의", "에", "에서", "도", "만", "까지", "부터"];
/// The number of final consonants of a Hangul syllable, including none.
const FINALS: u32 = 28;

/// The form of a value: what surrounds its clauses, and its greatest length.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct ValueForm {
    /// Follows the clauses: ` -is:retweet`, and the suffix of the settings.
    ending: String,
    /// Whether Korean texts are listed with particles.
    particles: bool,
    /// Maximum length of the value, in code points.
    max_chars: usize,
}

/// The clause of one keyword.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Clause {
    /// The keyword.
    pub(super) keyword: String,
    /// The terms with `OR` between them.
    pub(super) text: String,
    /// The length of `text`, in code points.
    pub(super) chars: usize,
    /// Whether X finds only a part of what the server would match: the words of the keyword are not
    /// separated by blanks, or a text of its rules is not asked for.
    pub(super) narrow: bool,
}

/// A term of a clause.
#[derive(Debug)]
struct Term {
    text: String,
    kind: TermKind,
}

/// The kinds of terms, in the order in which they are left out for lack of room.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum TermKind {
    /// A text with a particle.
    Particle,
    /// A text as a hashtag.
    Hashtag,
    /// A text of the rules.
    RuleText,
    /// The keyword.
    Keyword,
}

impl ValueForm {
    /// The form of values of at most `max_chars` code points.
    pub(super) fn new(settings: &XSettings, max_chars: usize) -> Self {
        let mut ending = String::new();
        if !settings.reposts {
            ending.push_str(" -is:retweet");
        }
        if !settings.suffix.is_empty() {
            ending.push(' ');
            ending.push_str(&settings.suffix);
        }
        Self {
            ending,
            particles: settings.particles,
            max_chars,
        }
    }

    /// The room for clauses and what separates them, in code points.
    pub(super) fn room(&self) -> usize {
        let surrounding = self.ending.chars().count() + "()".len();
        self.max_chars.saturating_sub(surrounding)
    }

    /// The value with these clauses.
    pub(super) fn value(&self, clauses: &[&Clause]) -> String {
        let texts: Vec<&str> = clauses.iter().map(|clause| clause.text.as_str()).collect();
        format!("({}){}", texts.join(OR), self.ending)
    }

    /// The clause of a keyword. Particles are left out from the end where the value of this one
    /// keyword would be too long; then hashtags, and then texts of its rules.
    ///
    /// # Errors
    /// A sentence about the keyword when X cannot be asked for it.
    pub(super) fn clause(&self, watched: &WatchedKeyword) -> Result<Clause, String> {
        let keyword = watched.keyword.as_str();
        let mut terms = Vec::new();
        self.add_terms(&mut terms, keyword, TermKind::Keyword);
        if terms.is_empty() {
            return Err(
                "X cannot be asked for it: it has quotation marks and backslashes only".into(),
            );
        }
        let mut narrow = is_unseparated(keyword);
        for text in watched.rules.any() {
            narrow |= is_unseparated(text);
            self.add_terms(&mut terms, text, TermKind::RuleText);
        }
        let room = self.room();
        let mut chars = length(&terms);
        for kind in [TermKind::Particle, TermKind::Hashtag, TermKind::RuleText] {
            while chars > room {
                let Some(last) = terms.iter().rposition(|term| term.kind == kind) else {
                    break;
                };
                narrow |= kind != TermKind::Particle;
                terms.remove(last);
                chars = length(&terms);
            }
        }
        if chars > room {
            let needed = chars + self.max_chars.saturating_sub(room);
            let max = self.max_chars;
            return Err(format!(
                "X cannot be asked for it: its rule would have {needed} characters, and at most \
                 {max} are allowed"
            ));
        }
        let texts: Vec<&str> = terms.iter().map(|term| term.text.as_str()).collect();
        Ok(Clause {
            keyword: keyword.to_owned(),
            text: texts.join(OR),
            chars,
            narrow,
        })
    }

    /// Adds a text as a phrase, as a hashtag, and with particles. A term is listed once.
    fn add_terms(&self, terms: &mut Vec<Term>, text: &str, kind: TermKind) {
        let phrase = phrase_of(text);
        if phrase.is_empty() {
            return;
        }
        let mut add = |text: String, kind| {
            if terms.iter().all(|term| term.text != text) {
                terms.push(Term { text, kind });
            }
        };
        add(format!("\"{phrase}\""), kind);
        if is_hashtag(text) {
            add(format!("#{text}"), TermKind::Hashtag);
        }
        let ending = if self.particles {
            text.chars().next_back().and_then(ends_in_consonant)
        } else {
            None
        };
        let particles = match ending {
            None => return,
            Some(true) => AFTER_CONSONANT,
            Some(false) => AFTER_VOWEL,
        };
        for particle in particles.iter().chain(&AFTER_BOTH) {
            add(format!("\"{phrase}{particle}\""), TermKind::Particle);
        }
    }
}

/// The length of terms with `OR` between them, in code points.
fn length(terms: &[Term]) -> usize {
    let texts: usize = terms.iter().map(|term| term.text.chars().count()).sum();
    texts + OR_CHARS * terms.len().saturating_sub(1)
}

/// A text as it stands between quotation marks: those that it contains, and backslashes, become
/// blanks.
fn phrase_of(text: &str) -> String {
    let blank = text.replace(['"', '\\'], " ");
    let words: Vec<&str> = blank.split_whitespace().collect();
    words.join(" ")
}

/// Whether a text is in a script whose words X does not separate.
fn is_unseparated(text: &str) -> bool {
    let scripts = [Script::Han, Script::Hiragana, Script::Katakana];
    text.chars()
        .any(|character| scripts.contains(&character.script()))
}

/// Whether a Hangul character ends in a consonant; `None` for other characters.
fn ends_in_consonant(character: char) -> Option<bool> {
    match character {
        '가'..='힣' => Some((u32::from(character) - u32::from('가')) % FINALS != 0),
        'ㄱ'..='ㅎ' | 'ㅥ'..='ㆆ' => Some(true),
        'ㅏ'..='ㅣ' | 'ㆇ'..='ㆎ' => Some(false),
        // Letters of syllables that Unicode does not have precomposed: vowels, and consonants.
        '\u{1160}'..='\u{11a7}' | '\u{d7b0}'..='\u{d7c6}' => Some(false),
        '\u{1100}'..='\u{11ff}' | '\u{a960}'..='\u{a97c}' | '\u{d7cb}'..='\u{d7fb}' => Some(true),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::events::{Keyword, KeywordRules, RuleTexts};
    use crate::sources::x::scripted::settings_of_test;

    fn watched(keyword: &str, any: &[&str]) -> WatchedKeyword {
        let any = RuleTexts::new(any.iter().copied()).unwrap();
        WatchedKeyword {
            keyword: Keyword::new(keyword).unwrap(),
            rules: KeywordRules::new(any, RuleTexts::default()),
        }
    }

    fn clause(keyword: &str, any: &[&str], max_chars: usize) -> Result<Clause, String> {
        ValueForm::new(&settings_of_test(), max_chars).clause(&watched(keyword, any))
    }

    #[test]
    fn korean_keyword_has_the_particles_of_its_last_syllable() {
        for (keyword, terms) in [
            (
                "아이폰",
                "\"아이폰\" OR #아이폰 OR \"아이폰은\" OR \"아이폰이\" OR \"아이폰을\" OR \
                 \"아이폰과\" OR \"아이폰으로\" OR \"아이폰이랑\" OR \"아이폰의\" OR \
                 \"아이폰에\" OR \"아이폰에서\" OR \"아이폰도\" OR \"아이폰만\" OR \
                 \"아이폰까지\" OR \"아이폰부터\"",
            ),
            (
                "새 노래",
                "\"새 노래\" OR \"새 노래는\" OR \"새 노래가\" OR \"새 노래를\" OR \
                 \"새 노래와\" OR \"새 노래로\" OR \"새 노래랑\" OR \"새 노래의\" OR \
                 \"새 노래에\" OR \"새 노래에서\" OR \"새 노래도\" OR \"새 노래만\" OR \
                 \"새 노래까지\" OR \"새 노래부터\"",
            ),
        ] {
            let clause = clause(keyword, &[], 1_024).unwrap();
            assert_eq!(clause.text, terms);
            assert_eq!(clause.chars, terms.chars().count());
            assert!(!clause.narrow);
        }
    }

    #[test]
    fn final_consonant_decides_also_for_rieul_and_single_letters() {
        for (character, expected) in [
            ('울', Some(true)),
            ('각', Some(true)),
            ('가', Some(false)),
            ('히', Some(false)),
            ('힣', Some(true)),
            ('ㅋ', Some(true)),
            ('ㅠ', Some(false)),
            ('a', None),
            ('1', None),
        ] {
            assert_eq!(ends_in_consonant(character), expected, "{character}");
        }
        let clause = clause("서울", &[], 1_024).unwrap();
        assert!(clause.text.contains("\"서울으로\""), "{}", clause.text);
    }

    #[test]
    fn other_keywords_are_phrases_and_hashtags() {
        for (keyword, terms) in [
            ("galaxy", "\"galaxy\" OR #galaxy"),
            ("us airways", "\"us airways\""),
            ("2024", "\"2024\""),
            ("say \"hi\\there\"", "\"say hi there\""),
            ("c++", "\"c++\""),
        ] {
            assert_eq!(clause(keyword, &[], 1_024).unwrap().text, terms);
        }
        assert!(clause("\"\\", &[], 1_024).is_err());
    }

    #[test]
    fn texts_of_rules_are_added_each_with_its_own_terms() {
        let made = clause("galaxy", &["s26", "us airways", "galaxy"], 1_024).unwrap();
        assert_eq!(
            made.text,
            "\"galaxy\" OR #galaxy OR \"s26\" OR #s26 OR \"us airways\""
        );
        let made = clause("lg", &["엘지"], 1_024).unwrap();
        assert!(
            made.text
                .starts_with("\"lg\" OR #lg OR \"엘지\" OR #엘지 OR \"엘지는\"")
        );
    }

    #[test]
    fn keywords_in_han_or_kana_are_narrow() {
        for (keyword, any, narrow) in [
            ("東京", &[][..], true),
            ("とうきょう", &[], true),
            ("トーキョー", &[], true),
            ("도쿄", &[], false),
            ("tokyo", &["東京"], true),
        ] {
            assert_eq!(clause(keyword, any, 1_024).unwrap().narrow, narrow);
        }
    }

    #[test]
    fn terms_are_left_out_from_the_end_until_one_keyword_fits() {
        // 2 parentheses + "아이폰" (5) + OR #아이폰 (8) + OR "아이폰은" (10) = 25.
        let made = |max| clause("아이폰", &[], max).map(|made| (made.text, made.narrow));
        let with_one = "\"아이폰\" OR #아이폰 OR \"아이폰은\"".to_owned();
        assert_eq!(made(25), Ok((with_one, false)));
        assert_eq!(made(24), Ok(("\"아이폰\" OR #아이폰".to_owned(), false)));
        assert_eq!(made(14), Ok(("\"아이폰\"".to_owned(), true)));
        assert_eq!(made(7), Ok(("\"아이폰\"".to_owned(), true)));
        assert!(made(6).unwrap_err().contains("7 characters"));
        let made = clause("ab", &["cd", "ef"], 16).unwrap();
        assert_eq!(
            (made.text.as_str(), made.narrow),
            ("\"ab\" OR \"cd\"", true)
        );
    }

    #[test]
    fn reposts_and_suffix_are_part_of_the_form() {
        let mut settings = settings_of_test();
        settings.reposts = false;
        settings.suffix = "lang:ko".to_owned();
        let form = ValueForm::new(&settings, 100);
        let clause = form.clause(&watched("a b", &[])).unwrap();
        let value = form.value(&[&clause, &clause]);
        assert_eq!(value, "(\"a b\" OR \"a b\") -is:retweet lang:ko");
        assert_eq!(form.room(), 100 - 2 - 12 - 8);
    }
}
