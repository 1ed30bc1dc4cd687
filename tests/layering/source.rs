//! Tokens of Rust source, as far as finding paths needs them.

/// The source without comments, strings and character literals.
pub fn bare(text: &str) -> String {
    let characters: Vec<char> = text.chars().collect();
    let at = |index: usize| characters.get(index).copied().unwrap_or('\0');
    let mut out = String::new();
    let mut index = 0;
    while index < characters.len() {
        match (at(index), at(index + 1)) {
            ('/', '/') => {
                while index < characters.len() && at(index) != '\n' {
                    index += 1;
                }
            }
            ('/', '*') => {
                let mut depth = 0;
                loop {
                    match (at(index), at(index + 1)) {
                        ('/', '*') => {
                            depth += 1;
                            index += 2;
                        }
                        ('*', '/') => {
                            depth -= 1;
                            index += 2;
                        }
                        _ => index += 1,
                    }
                    if depth == 0 || index >= characters.len() {
                        break;
                    }
                }
            }
            ('r', '"' | '#') if raw_quote(&characters, index + 1).is_some() => {
                let hashes = raw_quote(&characters, index + 1).unwrap();
                let end: String = std::iter::once('"')
                    .chain(std::iter::repeat_n('#', hashes))
                    .collect();
                index += hashes + 2;
                while index < characters.len()
                    && !characters[index..]
                        .iter()
                        .take(hashes + 1)
                        .collect::<String>()
                        .eq(&end)
                {
                    index += 1;
                }
                index += hashes + 1;
                out.push(' ');
            }
            ('"', _) => {
                index += 1;
                while index < characters.len() && at(index) != '"' {
                    index += if at(index) == '\\' { 2 } else { 1 };
                }
                index += 1;
                out.push(' ');
            }
            // A character literal, not a lifetime.
            ('\'', '\\') => {
                index += 3;
                while index < characters.len() && at(index) != '\'' {
                    index += 1;
                }
                index += 1;
            }
            ('\'', _) if at(index + 2) == '\'' => index += 3,
            (character, _) => {
                out.push(character);
                index += 1;
            }
        }
    }
    out
}

/// The number of `#` before the quote of a raw string, if one starts here.
fn raw_quote(characters: &[char], start: usize) -> Option<usize> {
    let hashes = characters[start..]
        .iter()
        .take_while(|c| **c == '#')
        .count();
    (characters.get(start + hashes) == Some(&'"')).then_some(hashes)
}

/// Splits code into names, `::`, and other single characters.
pub fn tokens_of(code: &str) -> Vec<String> {
    let mut tokens: Vec<String> = Vec::new();
    let mut characters = code.chars().peekable();
    while let Some(character) = characters.next() {
        if character.is_whitespace() {
            continue;
        }
        let mut token = character.to_string();
        if character.is_alphanumeric() || character == '_' {
            while let Some(next) = characters.next_if(|c| c.is_alphanumeric() || *c == '_') {
                token.push(next);
            }
        } else if character == ':' && characters.next_if_eq(&':').is_some() {
            token.push(':');
        }
        tokens.push(token);
    }
    tokens
}

/// The tokens without items under `#[cfg(test)]`.
pub fn without_tests(tokens: &[String]) -> Vec<String> {
    let marker = ["#", "[", "cfg", "(", "test", ")", "]"];
    let mut kept = Vec::new();
    let mut index = 0;
    while index < tokens.len() {
        if tokens[index..]
            .iter()
            .map(String::as_str)
            .take(marker.len())
            .eq(marker)
        {
            index += marker.len();
            let mut nested = 0;
            while index < tokens.len() {
                match tokens[index].as_str() {
                    "{" => nested += 1,
                    "}" => nested -= 1,
                    _ => {}
                }
                let ends = nested == 0 && matches!(tokens[index].as_str(), "}" | ";");
                index += 1;
                if ends {
                    break;
                }
            }
        } else {
            kept.push(tokens[index].clone());
            index += 1;
        }
    }
    kept
}
