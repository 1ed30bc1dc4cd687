//! Characters that are never displayed.

/// Whether a character has the Unicode property Default_Ignorable_Code_Point
/// (`DerivedCoreProperties.txt`). The property includes unassigned code points, and has hardly
/// changed since Unicode 6.
pub(super) const fn is_default_ignorable(character: char) -> bool {
    matches!(
        character,
        '\u{ad}'
            | '\u{34f}'
            | '\u{61c}'
            | '\u{115f}'..='\u{1160}'
            | '\u{17b4}'..='\u{17b5}'
            | '\u{180b}'..='\u{180f}'
            | '\u{200b}'..='\u{200f}'
            | '\u{202a}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}'
            | '\u{3164}'
            | '\u{fe00}'..='\u{fe0f}'
            | '\u{feff}'
            | '\u{ffa0}'
            | '\u{fff0}'..='\u{fff8}'
            | '\u{1bca0}'..='\u{1bca3}'
            | '\u{1d173}'..='\u{1d17a}'
            | '\u{e0000}'..='\u{e0fff}'
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(2_048))]
        // The strategy of proptest has Unicode tables of its own, independent of the ranges above.
        #[test]
        fn other_tables_agree(
            shown in "\\P{Default_Ignorable_Code_Point}{64}",
            hidden in "\\p{Default_Ignorable_Code_Point}{64}",
        ) {
            prop_assert_eq!(shown.chars().find(|c| is_default_ignorable(*c)), None);
            prop_assert_eq!(hidden.chars().find(|c| !is_default_ignorable(*c)), None);
        }
    }
}
