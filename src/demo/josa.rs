//! Korean particles, which differ after a vowel and after a final consonant.

/// A particle in its two forms.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Josa {
    after_consonant: Box<str>,
    after_vowel: Box<str>,
    /// ㄹ counts as a vowel: 서울로, not 서울으로.
    is_directional: bool,
}

/// Forms that differ by more than a leading 이.
const PAIRS: [(&str, &str); 7] = [
    ("은", "는"),
    ("이", "가"),
    ("을", "를"),
    ("과", "와"),
    ("으로", "로"),
    ("아", "야"),
    ("이에요", "예요"),
];

/// The ending of a word, as particles distinguish it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Ending {
    Vowel,
    Rieul,
    Consonant,
}

impl Josa {
    /// The particle that has `form` as one of its two forms. A particle such as 이라고 loses its 이
    /// after a vowel.
    pub(super) fn of(form: &str) -> Self {
        let pair = PAIRS
            .into_iter()
            .find(|(one, other)| *one == form || *other == form);
        let (after_consonant, after_vowel) = match pair {
            Some(pair) => pair,
            None => (form, form.strip_prefix('이').unwrap_or(form)),
        };
        Self {
            is_directional: after_vowel == "로",
            after_consonant: after_consonant.into(),
            after_vowel: after_vowel.into(),
        }
    }

    /// The form that fits after a text.
    pub(super) fn after(&self, text: &str) -> &str {
        match ending(text) {
            Ending::Consonant => &self.after_consonant,
            Ending::Rieul if !self.is_directional => &self.after_consonant,
            Ending::Rieul | Ending::Vowel => &self.after_vowel,
        }
    }
}

/// The ending of a text that is read aloud in Korean. Symbols at the end are ignored.
fn ending(text: &str) -> Ending {
    let last = text.chars().rev().find(|last| last.is_alphanumeric());
    match last.map(|last| last.to_ascii_lowercase()) {
        Some(last @ '가'..='힣') => match (u32::from(last) - u32::from('가')) % 28 {
            0 => Ending::Vowel,
            8 => Ending::Rieul,
            _ => Ending::Consonant,
        },
        // 일, 칠, 팔 and words such as "Quill".
        Some('1' | '7' | '8' | 'l') => Ending::Rieul,
        // 영, 삼, 육 and words such as "team".
        Some('0' | '3' | '6' | 'm' | 'n') => Ending::Consonant,
        _ => Ending::Vowel,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn particles_fit_the_final_sound() {
        for (word, form, right) in [
            ("모루폰", "은", "은"),
            ("너구리즈", "은", "는"),
            ("너구리즈", "는", "는"),
            ("카메라", "이", "가"),
            ("국물", "을", "을"),
            ("국물", "으로", "로"),
            ("면발", "로", "로"),
            ("모루폰", "로", "으로"),
            ("뭉게톡", "과", "과"),
            ("안개나루", "과", "와"),
            ("Pellivar", "를", "를"),
            ("Wrenna Quill", "를", "을"),
            ("Wrenna Quill", "로", "로"),
            ("모루폰 7", "을", "을"),
            ("모루폰 8", "로", "로"),
            ("미오", "아", "야"),
            ("리브", "이라고", "라고"),
            ("채운", "이라고", "이라고"),
            ("하루", "이에요", "예요"),
            ("단비 🔥", "이랑", "랑"),
            ("발열", "인데", "인데"),
        ] {
            assert_eq!(Josa::of(form).after(word), right, "{word} + {form}");
        }
    }
}
