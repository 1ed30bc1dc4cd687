//! Compares the keys that the analyser finds with a table of hard cases, and with a corpus that was
//! annotated by hand.

use std::collections::BTreeSet;

use tidings::text::{AnalysedText, Analyser, AnalyserSettings, TweetKeys, analyser_version};

/// Text, words, hashtags and mentions, in columns. A line with `# ` and no tab is a heading.
const CASES: &str = include_str!("cases.tsv");
/// Sentences with their words, which were annotated before the rules were written.
const CORPUS: &str = include_str!("corpus.tsv");

fn columns(line: &str) -> [&str; 4] {
    let mut columns = line.split('\t');
    std::array::from_fn(|_| columns.next().unwrap_or_default())
}

fn joined<'k>(keys: impl Iterator<Item = &'k str>) -> String {
    keys.collect::<Vec<_>>().join(" ")
}

#[test]
fn hard_cases_give_their_keys() {
    let analyser = Analyser::default();
    let mut keys = TweetKeys::new();
    let mut cases = 0;
    let mut wrong = Vec::new();
    for line in CASES.lines() {
        if line.starts_with("# ") && !line.contains('\t') {
            continue;
        }
        cases += 1;
        let [text, words, hashtags, mentions] = columns(line);
        analyser.keys(text, &mut keys);
        let found = [
            joined(keys.words()),
            joined(keys.hashtags()),
            joined(keys.mentions()),
        ];
        if found != [words, hashtags, mentions] {
            wrong.push(format!("{text:?}: {found:?}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(cases >= 200, "{cases} cases");
}

#[test]
fn words_of_the_corpus_are_found() {
    let analyser = Analyser::default();
    let mut keys = TweetKeys::new();
    let (mut sentences, mut right, mut found, mut expected) = (0, 0, 0, 0);
    for line in CORPUS.lines() {
        let [text, words, ..] = columns(line);
        analyser.keys(text, &mut keys);
        let key: BTreeSet<&str> = words.split_whitespace().collect();
        let ours: BTreeSet<&str> = keys.words().collect();
        sentences += 1;
        right += key.intersection(&ours).count();
        found += ours.len();
        expected += key.len();
    }
    // F1 is 2 × right / (found + expected).
    let percent = 200 * right / (found + expected);
    assert_eq!(sentences, 200);
    assert!(
        percent >= 97,
        "F1 is {percent} %: {right} of {found} and {expected}"
    );
}

#[test]
fn words_of_the_settings_win_over_the_rules() {
    let settings = AnalyserSettings {
        user_words: [
            "서이든",
            "C++",
            "갤럭시 S25",
            "wi-fi",
            "집",
            "배우다",
            "the",
        ]
        .map(str::to_owned)
        .to_vec(),
    };
    let analyser = Analyser::new(&settings);
    let mut keys = TweetKeys::new();
    for (text, words) in [
        ("서이든의 노래", "노래 서이든"),
        ("서이든", "서이든"),
        ("최서이든은", "최서"),
        ("C++로 짠 코드", "c++ 코드"),
        ("갤럭시 S25를 샀다", "갤럭시 s25"),
        ("갤럭시 S250", "s250 갤럭시"),
        ("the wi-fi", "the wi-fi"),
        ("집에서 집값을", "집 집값"),
        ("#wi-fi https://a.com/wi-fi @the", ""),
        ("other theatre", "theatre"),
    ] {
        analyser.keys(text, &mut keys);
        assert_eq!(joined(keys.words()), words, "{text:?}");
    }
}

#[test]
fn analyser_version_names_the_words_of_the_settings() {
    let version = |words: &[&str]| {
        analyser_version(&AnalyserSettings {
            user_words: words.iter().map(|word| (*word).to_owned()).collect(),
        })
    };
    assert_eq!(version(&["b", "A"]), version(&["a", "b", "b"]));
    assert_ne!(version(&[]), version(&["a"]));
    assert_ne!(version(&["ab"]), version(&["a", "b"]));
}

#[test]
fn a_normal_form_has_the_keys_of_its_text() {
    let analyser = Analyser::default();
    let (mut of_text, mut of_normal_form) = (TweetKeys::new(), TweetKeys::new());
    for line in CASES.lines().chain(CORPUS.lines()) {
        let [text, ..] = columns(line);
        analyser.keys(text, &mut of_text);
        let analysed = AnalysedText::new(text);
        analyser.keys(analysed.normal_form(), &mut of_normal_form);
        assert!(of_text.words().eq(of_normal_form.words()), "{text:?}");
        assert!(of_text.hashtags().eq(of_normal_form.hashtags()), "{text:?}");
        assert!(of_text.mentions().eq(of_normal_form.mentions()), "{text:?}");
    }
}

#[test]
fn keys_are_in_order_and_in_normal_form() {
    let analyser = Analyser::default();
    let mut keys = TweetKeys::new();
    for line in CORPUS.lines() {
        analyser.keys(line, &mut keys);
        let words: Vec<&str> = keys.words().collect();
        assert!(words.windows(2).all(|pair| pair[0] < pair[1]), "{words:?}");
        for word in words {
            assert_eq!(tidings::events::normal_form(word), word);
        }
    }
}
