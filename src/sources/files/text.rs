//! Converts the bytes of a file to UTF-8, and skips a byte order mark.
//!
//! Bytes that are not characters of the encoding become [`NOT_A_CHARACTER`], a byte that UTF-8
//! never has, so that their record fails the same check as in a file that claims to be UTF-8.

use std::io::{self, BufRead, Read};

use encoding_rs::{DecoderResult, Encoding, UTF_8, UTF_16BE, UTF_16LE};

/// Stands for bytes that the encoding does not have.
const NOT_A_CHARACTER: u8 = 0xff;
/// The size of conversion steps, in bytes. One byte becomes at most three.
const STEP_BYTES: usize = 16 * 1024;
const UTF_8_MARK: &[u8] = b"\xef\xbb\xbf";
const UTF_16LE_MARK: &[u8] = b"\xff\xfe";
const UTF_16BE_MARK: &[u8] = b"\xfe\xff";

/// The text of a file.
pub(super) struct Text {
    /// The text in UTF-8.
    pub(super) bytes: Box<dyn Read + Send>,
    /// The encoding of the file: by its mark, else as given, else UTF-8.
    pub(super) encoding: &'static Encoding,
}

/// Reads bytes as text. A byte order mark takes precedence over the given encoding.
///
/// # Errors
/// Errors of reading the first bytes.
pub(super) fn decoded(
    mut bytes: Box<dyn Read + Send>,
    given: Option<&'static Encoding>,
) -> io::Result<Text> {
    let mut first = Vec::with_capacity(UTF_8_MARK.len());
    let longest = u64::try_from(UTF_8_MARK.len()).unwrap_or_default();
    (&mut bytes).take(longest).read_to_end(&mut first)?;
    let (mark, encoding) = if first.starts_with(UTF_8_MARK) {
        (UTF_8_MARK.len(), UTF_8)
    } else if first.starts_with(UTF_16LE_MARK) {
        (UTF_16LE_MARK.len(), UTF_16LE)
    } else if first.starts_with(UTF_16BE_MARK) {
        (UTF_16BE_MARK.len(), UTF_16BE)
    } else {
        (0, given.unwrap_or(UTF_8))
    };
    first.drain(..mark);
    let rest = io::Cursor::new(first).chain(bytes);
    let bytes: Box<dyn Read + Send> = if encoding == UTF_8 {
        Box::new(rest)
    } else {
        Box::new(Converted::new(Box::new(rest), encoding))
    };
    Ok(Text { bytes, encoding })
}

/// Converts from another encoding while it is read.
struct Converted {
    from: io::BufReader<Box<dyn Read + Send>>,
    decoder: encoding_rs::Decoder,
    /// Converted text, of which the first `given` bytes were returned.
    text: Vec<u8>,
    given: usize,
    has_ended: bool,
}

impl Converted {
    fn new(from: Box<dyn Read + Send>, encoding: &'static Encoding) -> Self {
        Self {
            from: io::BufReader::with_capacity(STEP_BYTES, from),
            decoder: encoding.new_decoder_without_bom_handling(),
            text: Vec::new(),
            given: 0,
            has_ended: false,
        }
    }

    /// Converts the next bytes of the file.
    fn convert(&mut self) -> io::Result<()> {
        let input = self.from.fill_buf()?;
        let is_last = input.is_empty();
        self.text.resize(STEP_BYTES * 3 + 16, 0);
        let (result, read, written) =
            self.decoder
                .decode_to_utf8_without_replacement(input, &mut self.text, is_last);
        self.from.consume(read);
        self.text.truncate(written);
        self.given = 0;
        match result {
            DecoderResult::Malformed(_, _) => self.text.push(NOT_A_CHARACTER),
            DecoderResult::InputEmpty => self.has_ended = is_last,
            DecoderResult::OutputFull => {}
        }
        Ok(())
    }
}

impl Read for Converted {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        while self.given >= self.text.len() && !self.has_ended {
            self.convert()?;
        }
        let mut rest = self.text.get(self.given..).unwrap_or_default();
        let read = rest.read(into)?;
        self.given = self.given.saturating_add(read);
        Ok(read)
    }
}

#[cfg(test)]
mod tests {
    use encoding_rs::{EUC_KR, WINDOWS_1252};

    use super::*;

    fn read(bytes: &[u8], given: Option<&'static Encoding>) -> Vec<u8> {
        let mut text = decoded(Box::new(io::Cursor::new(bytes.to_vec())), given).unwrap();
        let mut all = Vec::new();
        text.bytes.read_to_end(&mut all).unwrap();
        all
    }

    #[test]
    fn marks_are_skipped_and_decide_the_encoding() {
        assert_eq!(read(b"\xef\xbb\xbfa", None), b"a");
        assert_eq!(read(b"\xef\xbb\xbfa", Some(EUC_KR)), b"a");
        assert_eq!(read(b"\xff\xfeA\0\x00\xac", None), "A가".as_bytes());
        assert_eq!(read(b"\xfe\xff\0A\xac\x00", None), "A가".as_bytes());
        assert_eq!(read(b"ab", None), b"ab");
    }

    #[test]
    fn given_encoding_is_converted() {
        assert_eq!(read(b"\xb0\xa1,\xc8\xb4", Some(EUC_KR)), "가,홱".as_bytes());
        assert_eq!(
            read(b"caf\xe9 \x80", Some(WINDOWS_1252)),
            "café €".as_bytes()
        );
    }

    #[test]
    fn bytes_that_the_encoding_lacks_are_no_utf_8() {
        let read = read(b"a\xb0", Some(EUC_KR));
        assert_eq!(read, b"a\xff");
        assert!(std::str::from_utf8(&read).is_err());
    }

    #[test]
    fn long_texts_are_converted_in_steps() {
        let korean = "가나다 abc\n".repeat(20_000);
        let (bytes, _, _) = EUC_KR.encode(&korean);
        assert_eq!(read(&bytes, Some(EUC_KR)), korean.as_bytes());
    }
}
