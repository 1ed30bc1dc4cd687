//! Reads WebSocket frames for the load clients at low cost: splits bytes into frames and searches
//! the lines for the few values that are counted. No JSON is parsed.

use memchr::memmem;

/// A complete frame.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Frame<'a> {
    /// A text frame: lines of JSON.
    Text(&'a [u8]),
    /// A close frame, with its code.
    Close(u16),
    /// A ping, with the payload that the pong repeats.
    Ping(&'a [u8]),
    /// Any other frame.
    Other,
}

/// Returns the first frame of `bytes` and its length in bytes; `None` while it is incomplete.
pub(super) fn first(bytes: &[u8]) -> Option<(Frame<'_>, usize)> {
    let (&[head, length], rest) = bytes.split_first_chunk::<2>()?;
    let (length, rest) = match length & 0x7f {
        126 => {
            let (length, rest) = rest.split_first_chunk::<2>()?;
            (usize::from(u16::from_be_bytes(*length)), rest)
        }
        127 => {
            let (length, rest) = rest.split_first_chunk::<8>()?;
            (usize::try_from(u64::from_be_bytes(*length)).ok()?, rest)
        }
        short => (usize::from(short), rest),
    };
    let payload = rest.get(..length)?;
    let taken = bytes.len().checked_sub(rest.len())?.checked_add(length)?;
    let frame = match head & 0x0f {
        1 => Frame::Text(payload),
        8 => {
            let code = payload.first_chunk::<2>().copied();
            Frame::Close(code.map_or(1005, u16::from_be_bytes))
        }
        9 => Frame::Ping(payload),
        _ => Frame::Other,
    };
    Some((frame, taken))
}

/// Encodes a message to a server: one final text frame, masked with a key of zeros.
pub(super) fn text(payload: &str) -> Vec<u8> {
    let mut frame = vec![0x81];
    match u16::try_from(payload.len()) {
        Ok(short) if short < 126 => frame.push(0x80 | u8::try_from(short).unwrap_or_default()),
        length => {
            frame.push(0x80 | 126);
            frame.extend_from_slice(&length.unwrap_or(u16::MAX).to_be_bytes());
        }
    }
    frame.extend_from_slice(&[0; 4]);
    frame.extend_from_slice(payload.as_bytes());
    frame
}

/// Encodes the pong for a ping, whose payload has at most 125 bytes.
pub(super) fn pong(payload: &[u8]) -> Vec<u8> {
    let payload = payload.get(..payload.len().min(125)).unwrap_or_default();
    let mut frame = vec![0x8a, 0x80 | u8::try_from(payload.len()).unwrap_or_default()];
    frame.extend_from_slice(&[0; 4]);
    frame.extend_from_slice(payload);
    frame
}

/// A line of a timeline subscription, as far as the benchmark counts it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Said {
    /// A snapshot at a sequence.
    Snapshot { seq: u64 },
    /// An update from one sequence to the next.
    Update { prev: u64, seq: u64 },
    /// A subscription has begun, with a snapshot or resumed (`recovered`).
    Subscribed { recovered: bool },
    /// Any other line.
    Other,
}

/// Classifies a line.
pub(super) fn said(line: &[u8]) -> Said {
    let head = line.get(..line.len().min(400)).unwrap_or_default();
    let number = |name: &str| after(head, name.as_bytes()).and_then(leading_number);
    if head.starts_with(b"{\"type\":\"update\"") {
        if let (Some(prev), Some(seq)) = (number("\"prev\":"), number("\"seq\":")) {
            return Said::Update { prev, seq };
        }
    } else if head.starts_with(b"{\"type\":\"snapshot\"") {
        if let Some(seq) = number("\"seq\":") {
            return Said::Snapshot { seq };
        }
    } else if head.starts_with(b"{\"type\":\"subscribed\"") {
        return Said::Subscribed {
            recovered: memmem::find(head, b"\"recovered\":true").is_some(),
        };
    }
    Said::Other
}

/// The epoch in a line.
pub(super) fn epoch(line: &[u8]) -> Option<&str> {
    let text = after(line, b"\"epoch\":\"")?;
    std::str::from_utf8(text.get(..16)?).ok()
}

/// The numbers of the tweets in a line, whose ids are `b:<number>`.
pub(super) fn numbers<'l>(
    finder: &'l memmem::Finder<'_>,
    line: &'l [u8],
) -> impl Iterator<Item = u64> + 'l {
    finder
        .find_iter(line)
        .filter_map(|at| leading_number(line.get(at + finder.needle().len()..)?))
}

/// The first bytes of a tweet that the benchmark published.
pub(super) const TWEET: &[u8] = b"{\"type\":\"tweet.posted\",\"id\":\"b:";

fn after<'l>(line: &'l [u8], name: &[u8]) -> Option<&'l [u8]> {
    line.get(memmem::find(line, name)? + name.len()..)
}

fn leading_number(text: &[u8]) -> Option<u64> {
    let digits = text.iter().take_while(|byte| byte.is_ascii_digit());
    let number = digits.fold(0_u64, |number, digit| {
        number
            .saturating_mul(10)
            .saturating_add(u64::from(digit - b'0'))
    });
    text.first()?.is_ascii_digit().then_some(number)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_frame_is_none_until_all_its_bytes_are_there() {
        let mut bytes = vec![0x81, 2, b'h', b'i', 0x81, 126, 1, 0];
        bytes.extend_from_slice(&[b'x'; 256]);
        bytes.extend_from_slice(&[0x88, 2, 0x03, 0xf4]);
        assert_eq!(first(&bytes), Some((Frame::Text(b"hi"), 4)));
        let rest = &bytes[4..];
        for end in 0..rest.len() - 4 {
            assert_eq!(first(&rest[..end]), None, "{end}");
        }
        assert_eq!(first(rest).map(|(_, taken)| taken), Some(260));
        assert_eq!(first(&rest[260..]), Some((Frame::Close(1012), 4)));
    }

    #[test]
    fn lines_are_classified_and_their_values_found() {
        let update = br#"{"type":"update","keyword":"k","topic":"timeline","epoch":"0123456789abcdef","prev":12,"seq":15,"added":[{"type":"tweet.posted","id":"b:8","at":""},{"type":"tweet.posted","id":"b:7","at":""}],"changed":[],"removed":[]}"#;
        assert_eq!(said(update), Said::Update { prev: 12, seq: 15 });
        assert_eq!(epoch(update), Some("0123456789abcdef"));
        let finder = memmem::Finder::new(TWEET);
        assert_eq!(numbers(&finder, update).collect::<Vec<_>>(), [8, 7]);
        assert_eq!(
            said(br#"{"type":"subscribed","id":1,"keyword":"k","recovered":true}"#),
            Said::Subscribed { recovered: true }
        );
        assert_eq!(
            said(br#"{"type":"snapshot","keyword":"k","topic":"timeline","epoch":"e","seq":3,"items":[]}"#),
            Said::Snapshot { seq: 3 }
        );
        assert_eq!(said(b"{}"), Said::Other);
    }

    #[test]
    fn a_pong_repeats_the_payload_of_the_ping() {
        assert_eq!(first(&[0x89, 1, b'x', 0x81]), Some((Frame::Ping(b"x"), 3)));
        assert_eq!(pong(b"x"), [0x8a, 0x81, 0, 0, 0, 0, b'x']);
        assert_eq!(pong(b""), [0x8a, 0x80, 0, 0, 0, 0]);
    }

    #[test]
    fn a_message_is_a_masked_text_frame() {
        assert_eq!(text("hi"), [0x81, 0x82, 0, 0, 0, 0, b'h', b'i']);
        let long = text(&"x".repeat(300));
        assert_eq!(&long[..4], [0x81, 0xfe, 1, 44]);
    }
}
