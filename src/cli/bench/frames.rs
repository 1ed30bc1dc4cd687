//! Reading what a server sends, as cheaply as a load client must: frames are cut, lines are
//! searched for the few things that are counted, nothing is parsed.

use memchr::memmem;

/// A frame that is complete.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Frame<'a> {
    /// Lines of JSON.
    Text(&'a [u8]),
    /// The connection's end, with its code.
    Close(u16),
    /// Asks for a sign of life, which holds the same.
    Ping(&'a [u8]),
    /// Something else.
    Other,
}

/// The first frame of some bytes, and how many of them it takes; `None` when it isn't complete.
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

/// A message to a server: a final text frame, masked with zeros as a client may.
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

/// The answer to a ping, which holds at most 125 bytes.
pub(super) fn pong(payload: &[u8]) -> Vec<u8> {
    let payload = payload.get(..payload.len().min(125)).unwrap_or_default();
    let mut frame = vec![0x8a, 0x80 | u8::try_from(payload.len()).unwrap_or_default()];
    frame.extend_from_slice(&[0; 4]);
    frame.extend_from_slice(payload);
    frame
}

/// What a line of a timeline says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Said {
    /// The state at a sequence.
    Snapshot { seq: u64 },
    /// How it went on.
    Update { prev: u64, seq: u64 },
    /// A subscription has begun: resumed, or with a snapshot.
    Subscribed { recovered: bool },
    /// Something else.
    Other,
}

/// What a line says.
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

/// The epoch that a line names.
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

/// Where a tweet of this client's begins.
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
    fn frames_are_cut_wherever_the_bytes_end() {
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
    fn lines_are_searched_for_what_counts() {
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
    fn pings_are_answered_with_what_they_hold() {
        assert_eq!(first(&[0x89, 1, b'x', 0x81]), Some((Frame::Ping(b"x"), 3)));
        assert_eq!(pong(b"x"), [0x8a, 0x81, 0, 0, 0, 0, b'x']);
        assert_eq!(pong(b""), [0x8a, 0x80, 0, 0, 0, 0]);
    }

    #[test]
    fn messages_are_masked_text() {
        assert_eq!(text("hi"), [0x81, 0x82, 0, 0, 0, 0, b'h', b'i']);
        let long = text(&"x".repeat(300));
        assert_eq!(&long[..4], [0x81, 0xfe, 1, 44]);
    }
}
