//! The content of a status as plain text.
//!
//! In: the `content` of a status, HTML that its server has sanitised. Out: its text. Only line
//! breaks, paragraphs and list items leave a mark in the text; all other tags are dropped, and the
//! text in them stays. A server shows a long link in three parts and hides two of them; the text
//! has all three, so it contains the whole link. A paragraph with the class `quote-inline` repeats
//! the link of a quoted status for clients that do not show quotes, and is dropped whole.

use std::cell::RefCell;

use html5ever::tendril::StrTendril;
use html5ever::tokenizer::{
    BufferQueue, Tag, TagKind, Token, TokenSink, TokenSinkResult, Tokenizer, TokenizerOpts,
};

/// Maximum size of the content that is read, in bytes. It holds a text of maximum length several
/// times, and limits the time for a tag with many attributes.
const MAX_CONTENT_BYTES: usize = 256 * 1024;
/// The class of the paragraph that repeats the link of a quoted status.
const QUOTE_CLASS: &str = "quote-inline";

/// The text of `html`, without white space at its ends.
pub(super) fn text_of(html: &str) -> String {
    let end = html.floor_char_boundary(MAX_CONTENT_BYTES);
    let input = BufferQueue::default();
    input.push_back(StrTendril::from(html.get(..end).unwrap_or_default()));
    let tokenizer = Tokenizer::new(TextSink::default(), TokenizerOpts::default());
    // The tokenizer stops early only when its sink asks for it.
    let _ = tokenizer.feed(&input);
    tokenizer.end();
    tokenizer.sink.0.take().text.trim().to_owned()
}

/// Collects the text of the tokens.
#[derive(Default)]
struct TextSink(RefCell<PlainText>);

impl TokenSink for TextSink {
    type Handle = ();

    fn process_token(&self, token: Token, _line: u64) -> TokenSinkResult<()> {
        let mut text = self.0.borrow_mut();
        match token {
            Token::TagToken(tag) => text.tag(&tag),
            Token::CharacterTokens(characters) => text.characters(&characters),
            _ => {}
        }
        TokenSinkResult::Continue
    }
}

#[derive(Default)]
struct PlainText {
    text: String,
    /// The number of line ends that precede the next characters.
    line_ends: usize,
    /// True inside a paragraph that is dropped.
    is_dropping: bool,
}

impl PlainText {
    fn tag(&mut self, tag: &Tag) {
        let name = tag.name.as_ref();
        // A paragraph ends with its end tag, or before the next block.
        if matches!(name, "p" | "ul" | "ol" | "blockquote" | "pre") {
            self.is_dropping = false;
        }
        if self.is_dropping {
            return;
        }
        match (name, tag.kind) {
            ("p", kind) => {
                self.line_ends = 2;
                self.is_dropping = kind == TagKind::StartTag && is_quote(tag);
            }
            ("li", _) => self.line_ends = self.line_ends.max(1),
            ("br", _) => {
                self.end_lines();
                self.text.push('\n');
            }
            _ => {}
        }
    }

    /// Appends characters. White space between two blocks is no text.
    fn characters(&mut self, characters: &str) {
        let is_between = self.line_ends > 0 || self.text.is_empty();
        let shown = if is_between {
            characters.trim_start()
        } else {
            characters
        };
        if self.is_dropping || shown.is_empty() {
            return;
        }
        self.end_lines();
        self.text.push_str(shown);
    }

    fn end_lines(&mut self) {
        let count = std::mem::take(&mut self.line_ends);
        if !self.text.is_empty() {
            self.text.extend(std::iter::repeat_n('\n', count));
        }
    }
}

fn is_quote(tag: &Tag) -> bool {
    let mut classes = tag
        .attrs
        .iter()
        .filter(|attribute| &*attribute.name.local == "class")
        .flat_map(|attribute| attribute.value.split_ascii_whitespace());
    classes.any(|class| class == QUOTE_CLASS)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn text_has_the_breaks_and_the_characters_of_the_content() {
        for (html, text) in [
            ("", ""),
            ("plain", "plain"),
            ("<p>아이폰 샀다</p>", "아이폰 샀다"),
            ("<p>하나</p><p>둘</p>", "하나\n\n둘"),
            ("<p>하나</p>\n<p>둘</p>\n", "하나\n\n둘"),
            ("<p>하나</p><p></p><p>둘</p>", "하나\n\n둘"),
            ("before<p>in</p>after", "before\n\nin\n\nafter"),
            ("<p>a<br>b<br/>c<br />d</p>", "a\nb\nc\nd"),
            ("<p>a<br><br>b</p>", "a\n\nb"),
            ("<p><br>a<br></p>", "a"),
            ("<P>upper<BR>case</P>", "upper\ncase"),
            (
                "<p>목록</p><ul><li>하나</li><li>둘</li></ul><p>끝</p>",
                "목록\n\n하나\n둘\n\n끝",
            ),
            ("<ol>\n<li>a</li>\n<li>b</li>\n</ol>", "a\nb"),
            (
                "<p>a</p><blockquote><p>b</p></blockquote><p>c</p>",
                "a\n\nb\n\nc",
            ),
            ("<p>a <em>b</em>c <strong>d</strong></p>", "a bc d"),
            ("<p>  두  칸  </p>", "두  칸"),
        ] {
            assert_eq!(text_of(html), text, "{html}");
        }
    }

    #[test]
    fn link_mention_and_hashtag_keep_their_whole_text() {
        for (html, text) in [
            (
                r#"<p>see <a href="https://shop.example/i/phone?x=1&amp;y=2"><span class="invisible">https://</span><span class="ellipsis">shop.example/i/ph</span><span class="invisible">one?x=1&amp;y=2</span></a></p>"#,
                "see https://shop.example/i/phone?x=1&y=2",
            ),
            (
                r#"<span class="h-card"><a href="https://m.example/@b" class="u-url mention">@<span>b</span></a></span> 안녕"#,
                "@b 안녕",
            ),
            (
                r#"<a href="/tags/iphone" class="mention hashtag" rel="tag">#<span>아이폰</span></a>은"#,
                "#아이폰은",
            ),
            ("a<script>b</script><style>c</style>d", "abcd"),
            ("a<!-- no <p>text</p> -->b", "ab"),
            (r#"a<img alt="no > text">b"#, "ab"),
        ] {
            assert_eq!(text_of(html), text, "{html}");
        }
    }

    #[test]
    fn entities_are_decoded_once() {
        for (html, text) in [
            (
                "&lt;p&gt; &amp;amp; &quot;&#39;&#x1F34E;",
                "<p> &amp; \"'🍎",
            ),
            ("R&D &unknown; 1 < 2 & 3", "R&D &unknown; 1 < 2 & 3"),
            ("a&nbsp;b", "a\u{a0}b"),
        ] {
            assert_eq!(text_of(html), text, "{html}");
        }
    }

    #[test]
    fn repeated_link_of_a_quote_is_dropped_whole() {
        for (html, text) in [
            (
                r#"<p class="quote-inline">RE: <a href="https://m.example/@b/2">m.example/@b/2</a></p><p>동의</p>"#,
                "동의",
            ),
            (
                r#"<p>a</p><p class="x quote-inline">RE:<br>b</p><p>c</p>"#,
                "a\n\nc",
            ),
            (r#"<p class="quote-inline">RE: b<p>c</p>"#, "c"),
            (r#"<p class="quote-inline">RE: b<ul><li>c</li></ul>"#, "c"),
            (r#"<p class="not-quote-inline">b</p>"#, "b"),
            (r#"<p class="quote-inline">RE: b"#, ""),
        ] {
            assert_eq!(text_of(html), text, "{html}");
        }
    }

    #[test]
    fn control_characters_stay_except_null_and_carriage_return() {
        assert_eq!(
            text_of("a\u{7}b\tc\0d\r\ne\u{85}f"),
            "a\u{7}b\tcd\ne\u{85}f"
        );
        assert_eq!(text_of("\u{feff}a"), "a");
    }

    #[test]
    fn unfinished_and_oversized_content_ends_the_text() {
        assert_eq!(text_of("a <a href=\"b"), "a");
        assert_eq!(text_of("a &am"), "a &am");
        assert_eq!(text_of("<p>a</p></p></li></x>b"), "a\n\nb");
        let long = "가".repeat(MAX_CONTENT_BYTES);
        assert_eq!(text_of(&long).chars().count(), MAX_CONTENT_BYTES / 3);
    }

    proptest! {
        #[test]
        fn any_content_gives_a_text_that_is_not_longer(html in ".{0,200}") {
            prop_assert!(text_of(&html).len() <= html.len().saturating_mul(2));
        }

        #[test]
        fn escaped_text_comes_back(text in "[a-z가-힣<>&\"' ]{0,40}") {
            let html = text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;");
            prop_assert_eq!(text_of(&format!("<p>{html}</p>")), text.trim());
        }
    }
}
