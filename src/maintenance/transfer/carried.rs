//! Imports an export whose keywords are in an earlier version of the normal form: moves each record
//! to the present token of its keyword, and reports each changed keyword.

use std::collections::hash_map::Entry;
use std::collections::{HashMap, HashSet};
use std::hash::{DefaultHasher, Hash as _, Hasher as _};

use bytes::Bytes;
use percent_encoding::percent_decode;

use super::restore::store_own_event;
use crate::events::{CarriedToken, Form, Keyword, NORMAL_FORM_VERSION, Record, Token};

/// Maximum number of changed keywords that are kept by name.
const MAX_REMEMBERED: usize = 100_000;
/// Maximum number of unchanged tokens that are kept by hash, to detect another keyword with the
/// same token.
const MAX_SAME: usize = 1_000_000;
/// Maximum number of tokens whose present form is cached. A full cache is emptied.
const MAX_KNOWN: usize = 200_000;

/// A keyword whose normal form has changed since the export.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CarriedKeyword {
    /// The spelling in the export; percent-encoded where it is not UTF-8.
    pub from: String,
    /// The present spelling; `None` when it is no longer a keyword, so that its records are
    /// rejected.
    pub to: Option<String>,
    /// Why the exported spelling is no longer a keyword; `None` while it is one.
    pub reason: Option<String>,
    /// Whether another keyword of the export has the same present spelling.
    pub joined: bool,
    /// Number of records of the keyword.
    pub records: u64,
}

/// Moves records to the present tokens.
#[derive(Debug, Default)]
pub(super) struct Carrier {
    /// Whether the tokens of the export are in version 1 of the normal form.
    is_older: bool,
    known: HashMap<Bytes, CarriedToken>,
    same: HashSet<u64>,
    changed: HashMap<Bytes, CarriedKeyword>,
}

impl Carrier {
    /// A carrier for an export whose tokens have this version of the normal form.
    pub(crate) fn of(version: u16) -> Self {
        Self {
            is_older: version < NORMAL_FORM_VERSION,
            ..Self::default()
        }
    }

    /// Moves a record to its present token.
    pub(super) fn carry(&mut self, record: &mut Record, form: Form) {
        if !self.is_older {
            return;
        }
        if self.known.len() >= MAX_KNOWN {
            self.known.clear();
        }
        // Copied, because a shared slice would keep its whole line in memory.
        let token = Bytes::copy_from_slice(&record.token);
        let known = match self.known.entry(token.clone()) {
            Entry::Occupied(known) => known.into_mut(),
            Entry::Vacant(entry) => entry.insert(CarriedToken::of_version_1(&token)),
        };
        let (to, reason) = match known {
            CarriedToken::Same => {
                if self.same.len() < MAX_SAME {
                    self.same.insert(hash_of(&token));
                }
                return;
            }
            CarriedToken::Now(keyword) => {
                record.token = Token::of(keyword).to_string().into();
                // The exporting version may not have recognized the token. If so, it exported the
                // event as a payload.
                store_own_event(record, form);
                (Some(keyword.to_string()), None)
            }
            CarriedToken::Gone(error) => (None, Some(error.to_string())),
        };
        if self.changed.len() < MAX_REMEMBERED || self.changed.contains_key(&token) {
            let from = percent_decode(&token).decode_utf8_lossy().into_owned();
            let carried = self.changed.entry(token).or_insert(CarriedKeyword {
                from,
                to,
                reason,
                joined: false,
                records: 0,
            });
            carried.records = carried.records.saturating_add(1);
        }
    }

    /// The keywords that changed, in the order of their names.
    pub(crate) fn finish(self) -> Vec<CarriedKeyword> {
        let mut sources: HashMap<String, u64> = HashMap::new();
        for keyword in self
            .changed
            .values()
            .filter_map(|carried| carried.to.as_ref())
        {
            let count = sources.entry(keyword.clone()).or_default();
            *count = count.saturating_add(1);
        }
        let mut all: Vec<_> = self.changed.into_values().collect();
        for carried in &mut all {
            carried.joined = carried.to.as_ref().is_some_and(|to| {
                let token = Keyword::new(to).map(|keyword| Token::of(&keyword));
                let was_there = token
                    .is_ok_and(|token| self.same.contains(&hash_of(token.as_str().as_bytes())));
                was_there || sources.get(to).is_some_and(|count| *count > 1)
            });
        }
        all.sort_by(|one, other| one.from.cmp(&other.from));
        all
    }
}

fn hash_of(token: &[u8]) -> u64 {
    let mut hasher = DefaultHasher::new();
    token.hash(&mut hasher);
    hasher.finish()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::events::{Envelope, Event, Sequence, Timestamp, binary};

    /// Tokens of version 1: conjoining jamo for ㅋㅋ, and a selector behind the heart.
    const KK: &[u8] = b"%E1%84%8F%E1%84%8F";
    const RED_HEART: &[u8] = b"%E2%9D%A4%EF%B8%8F";
    const HEART: &[u8] = b"%E2%9D%A4";
    /// The NFKC of the Hangul filler, an invisible character.
    const FILLER: &[u8] = b"%E1%85%A0";

    fn record(token: &'static [u8], payload: &[u8]) -> Record {
        Record {
            received_at: Timestamp::EARLIEST,
            token: Bytes::from_static(token),
            stored: binary::encode_wire(payload),
        }
    }

    fn carried(carrier: &mut Carrier, token: &'static [u8]) -> Bytes {
        let mut record = record(token, b"x");
        carrier.carry(&mut record, Form::Stored);
        record.token
    }

    #[test]
    fn records_move_to_current_token_and_changes_are_reported() {
        let mut carrier = Carrier::of(1);
        assert_eq!(
            carried(&mut carrier, KK),
            Token::of(&Keyword::new("ㅋㅋ").unwrap()).as_str()
        );
        assert_eq!(carried(&mut carrier, KK).len(), 18);
        assert_eq!(carried(&mut carrier, RED_HEART), HEART);
        assert_eq!(carried(&mut carrier, HEART), HEART);
        assert_eq!(carried(&mut carrier, FILLER), FILLER);
        for token in [&b"ai"[..], b"AI", b"\xff", b""] {
            assert_eq!(carried(&mut carrier, token), token);
        }
        let told: Vec<_> = carrier
            .finish()
            .into_iter()
            .map(|one| (one.to, one.joined, one.records, one.reason.is_some()))
            .collect();
        assert_eq!(
            told,
            [
                (Some("ㅋㅋ".to_owned()), false, 2, false),
                (None, false, 1, true),
                (Some("❤".to_owned()), true, 1, false),
            ]
        );
    }

    #[test]
    fn present_tokens_stay() {
        let mut carrier = Carrier::of(NORMAL_FORM_VERSION);
        assert_eq!(carried(&mut carrier, KK), KK);
        assert_eq!(carrier.finish(), []);
    }

    #[test]
    fn event_exported_as_a_payload_becomes_an_event_again() {
        let at = Timestamp::from_millis(0);
        let json = crate::events::json::encode(&Event::keyword_tracked(at));
        let opened = |received_at| -> Envelope {
            let mut record = record(KK, &json);
            record.received_at = received_at;
            Carrier::of(1).carry(&mut record, Form::Stored);
            record.open(Sequence::new(1), &Ok(Keyword::new("ㅋㅋ").unwrap()))
        };
        // The server's own event, journaled with a wrong clock: its time is that of the journaling.
        assert_eq!(opened(at).event(), Some(&Event::keyword_tracked(at)));
        // A publisher's event, which was rejected when it was journaled.
        assert_eq!(opened(Timestamp::EARLIEST).event(), None);
    }
}
