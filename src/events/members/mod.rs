//! Members of events: how each member is written in JSON, read, checked and stored.
//!
//! [`members!`] declares an object with its members and a [`Rule`] for each. This table drives all
//! code that handles members:
//!
//! - the quick decoder ([`Members::read`]), which serde drives,
//! - the diagnosing decoder ([`Members::diagnose`]), which names the first wrong member,
//! - the check of values ([`Members::check`]), which both decoders run last,
//! - the encoder ([`Members::write`]),
//! - the stored form (the serde form of the struct, and [`Members::store_added`]).

mod error;
mod field;
mod found;
mod object;
pub(super) mod raw_json;
mod rules;

use serde::Deserialize;
use serde::de::MapAccess;
use serde::ser::{Serialize, SerializeMap};

pub use self::error::DecodeError;
pub use self::field::Field;
pub(super) use self::found::{Found, FoundMembers, kind_name, shown};
pub(super) use self::object::Object;
pub(super) use self::rules::{
    BorrowedText, Count, CountOrZero, Id, OptionalText, RuleList, Text, Time,
};
pub use self::rules::{MAX_AHEAD_MILLIS, MAX_HANDLE_CODE_POINTS, MAX_METRIC, MAX_TEXT_CODE_POINTS};
use super::Timestamp;
use super::codec::StoredError;

/// How one kind of member is read, checked and written.
pub(super) trait Rule {
    /// The value of the member in the event.
    type Value;
    /// The JSON of the member: the right kind, with a value that is not checked yet.
    type Json<'de>: Deserialize<'de>;

    /// Reads a member that is present and not `null`.
    ///
    /// # Errors
    /// [`DecodeError`] when it is the wrong kind of JSON. Accepts what `Deserialize` accepts.
    fn diagnose<'a>(found: &Found<'a>) -> Result<Self::Json<'a>, DecodeError>;

    /// Checks the value of a member. `None` stands for an absent or `null` member.
    ///
    /// # Errors
    /// [`DecodeError`] when it is missing, or has a value that is not allowed.
    fn check(
        json: Option<Self::Json<'_>>,
        field: Field,
        received_at: Timestamp,
    ) -> Result<Self::Value, DecodeError>;

    /// Returns the JSON to write; `None` leaves the member out.
    fn written(value: &Self::Value) -> Option<impl Serialize>;
}

/// The members of an object. [`members!`] implements it.
pub(super) trait Members: Sized {
    /// Names of the members.
    const NAMES: &'static [&'static str];

    /// The members after reading. Each is absent or has the right kind.
    type Json<'de>: Default;

    /// Reads the value of the member `name` from `map`. Returns false, and reads nothing, when the
    /// object has no such member. If a member is repeated, the last one counts.
    fn read<'de, A: MapAccess<'de>>(
        json: &mut Self::Json<'de>,
        name: &str,
        map: &mut A,
    ) -> Result<bool, A::Error>;

    /// Reads the members in the order of the table.
    ///
    /// # Errors
    /// [`DecodeError`] names the first member that is the wrong kind of JSON.
    fn diagnose<'a>(members: &FoundMembers<'a>) -> Result<Self::Json<'a>, DecodeError>;

    /// Checks the values in the order of the table.
    ///
    /// # Errors
    /// [`DecodeError`] names the first member that is missing or has a value that is not allowed.
    fn check(
        json: Self::Json<'_>,
        parent: &'static str,
        received_at: Timestamp,
    ) -> Result<Self, DecodeError>;

    /// Writes the members of one part, in the order of the table.
    fn write<M: SerializeMap>(&self, part: Part, map: &mut M) -> Result<(), M::Error>;

    /// Appends the members that are marked `[added]`. Members at the end with their default value
    /// are left out.
    ///
    /// # Errors
    /// [`StoredError::Encode`].
    fn store_added(&self, out: &mut Vec<u8>) -> Result<(), StoredError>;

    /// Reads what [`Self::store_added`] wrote, and returns the bytes after it. A member for which
    /// `rest` has no bytes keeps its default value.
    ///
    /// # Errors
    /// [`StoredError::Decode`].
    fn restore_added<'a>(&mut self, rest: &'a [u8]) -> Result<&'a [u8], StoredError>;
}

/// The two parts of a JSON object. `id` and `source` are written before the other members, whatever
/// their order in the table, because publishers and exports have always had this order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Part {
    /// `id` and `source`.
    Leading,
    /// All other members.
    Rest,
}

impl Part {
    /// The part that a member belongs to.
    pub(super) fn of(name: &str) -> Self {
        match name {
            "id" | "source" => Self::Leading,
            _ => Self::Rest,
        }
    }
}

/// Declares an object, with one line for each member: `name: Type as Rule`.
///
/// The order of the members is part of the stored form. It also decides which error is reported
/// when several members are wrong. A member that is added later goes to the end and is marked
/// `[added]`. Records without it stay readable, and events that do not use it keep their bytes.
/// Only event types can have added members, because only their stored form is at the end of the
/// record.
macro_rules! members {
    (
        $(#[$meta:meta])*
        $vis:vis struct $name:ident {
            $(
                $(#[$member_meta:meta])*
                $member:ident: $value:ty as $rule:ty $([$added:ident])?
            ),* $(,)?
        }
    ) => {
        $(#[$meta])*
        #[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
        $vis struct $name {
            $(
                $(#[$member_meta])*
                $(
                    #[doc = concat!("\n\nThe stored form marks it `", stringify!($added), "`.")]
                    #[serde(skip)]
                )?
                pub $member: $value,
            )*
        }

        const _: () = {
            use $crate::events::members::{DecodeError, Field, FoundMembers, Members, Part, Rule};
            use $crate::events::{Timestamp, codec};

            /// The members after reading.
            #[derive(Default)]
            pub(crate) struct Json<'de> {
                $($member: Option<<$rule as Rule>::Json<'de>>,)*
            }

            impl Members for $name {
                const NAMES: &'static [&'static str] = &[$(stringify!($member)),*];

                type Json<'de> = Json<'de>;

                fn read<'de, A: serde::de::MapAccess<'de>>(
                    json: &mut Json<'de>,
                    name: &str,
                    map: &mut A,
                ) -> Result<bool, A::Error> {
                    match name {
                        $(stringify!($member) => json.$member = map.next_value()?,)*
                        _ => return Ok(false),
                    }
                    Ok(true)
                }

                fn diagnose<'a>(members: &FoundMembers<'a>) -> Result<Json<'a>, DecodeError> {
                    Ok(Json {
                        $($member: members.read::<$rule>(stringify!($member))?,)*
                    })
                }

                fn check(
                    json: Json<'_>,
                    parent: &'static str,
                    received_at: Timestamp,
                ) -> Result<Self, DecodeError> {
                    Ok(Self {
                        $($member: {
                            let field = Field { parent, name: stringify!($member) };
                            <$rule as Rule>::check(json.$member, field, received_at)?
                        },)*
                    })
                }

                fn write<M: serde::ser::SerializeMap>(
                    &self,
                    part: Part,
                    map: &mut M,
                ) -> Result<(), M::Error> {
                    $(
                        if Part::of(stringify!($member)) == part
                            && let Some(written) = <$rule as Rule>::written(&self.$member)
                        {
                            map.serialize_entry(stringify!($member), &written)?;
                        }
                    )*
                    Ok(())
                }

                #[allow(unused_mut, unused_assignments, reason = "most objects have no added members")]
                fn store_added(&self, out: &mut Vec<u8>) -> Result<(), codec::StoredError> {
                    let mut end = out.len();
                    $($(
                        const _: &str = stringify!($added);
                        codec::encode_value(&self.$member, out)?;
                        if self.$member != <$value>::default() {
                            end = out.len();
                        }
                    )?)*
                    out.truncate(end);
                    Ok(())
                }

                #[allow(unused_mut, reason = "most objects have no added members")]
                fn restore_added<'a>(
                    &mut self,
                    mut rest: &'a [u8],
                ) -> Result<&'a [u8], codec::StoredError> {
                    $($(
                        const _: &str = stringify!($added);
                        if !rest.is_empty() {
                            (self.$member, rest) = codec::decode_first(rest)?;
                        }
                    )?)*
                    Ok(rest)
                }
            }
        };
    };
}

pub(super) use members;
