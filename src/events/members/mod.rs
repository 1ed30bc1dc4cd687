//! Members of events: how each is written in JSON, read, checked and stored.
//!
//! [`members!`] declares an object with its members and names a [`Rule`] for each. Everything that
//! treats members goes by that one table:
//!
//! - the quick decoder ([`Members::read`]), which serde drives,
//! - the diagnosing decoder ([`Members::diagnose`]), which names the first wrong member,
//! - the check of values ([`Members::check`]), in which both decoders end,
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
pub(super) use self::rules::{BorrowedText, Count, CountOrZero, Id, OptionalText, Text, Time};
pub use self::rules::{MAX_AHEAD_MILLIS, MAX_HANDLE_CODE_POINTS, MAX_METRIC, MAX_TEXT_CODE_POINTS};
use super::Timestamp;
use super::codec::StoredError;

/// How one kind of member is read, checked and written.
pub(super) trait Rule {
    /// The member's value in the event.
    type Value;
    /// The member's JSON: of the right kind, its value not checked yet.
    type Json<'de>: Deserialize<'de>;

    /// Reads a member that is present and not `null`.
    ///
    /// # Errors
    /// [`DecodeError`] when it is JSON of the wrong kind. Accepts what `Deserialize` accepts.
    fn diagnose<'a>(found: &Found<'a>) -> Result<Self::Json<'a>, DecodeError>;

    /// Checks a member's value; `None` stands for an absent or `null` member.
    ///
    /// # Errors
    /// [`DecodeError`] when it is missing, or has a value that is not allowed.
    fn check(
        json: Option<Self::Json<'_>>,
        field: Field,
        received_at: Timestamp,
    ) -> Result<Self::Value, DecodeError>;

    /// The JSON to write; `None` leaves the member out.
    fn written(value: &Self::Value) -> Option<impl Serialize>;
}

/// The members of an object. [`members!`] implements it.
pub(super) trait Members: Sized {
    /// Names of the members.
    const NAMES: &'static [&'static str];

    /// The members as they were read: each of the right kind or absent.
    type Json<'de>: Default;

    /// Reads the value of the member `name` from `map`; false, and nothing is read, when the object
    /// has no such member. Of a repeated member the last one counts.
    fn read<'de, A: MapAccess<'de>>(
        json: &mut Self::Json<'de>,
        name: &str,
        map: &mut A,
    ) -> Result<bool, A::Error>;

    /// Reads the members in the order of the table.
    ///
    /// # Errors
    /// [`DecodeError`] names the first one that is JSON of the wrong kind.
    fn diagnose<'a>(members: &FoundMembers<'a>) -> Result<Self::Json<'a>, DecodeError>;

    /// Checks the values in the order of the table.
    ///
    /// # Errors
    /// [`DecodeError`] names the first one that is missing or not allowed.
    fn check(
        json: Self::Json<'_>,
        parent: &'static str,
        received_at: Timestamp,
    ) -> Result<Self, DecodeError>;

    /// Writes the members of one part, in the order of the table.
    fn write<M: SerializeMap>(&self, part: Part, map: &mut M) -> Result<(), M::Error>;

    /// Appends the members that are marked `[added]`, without those at the end that have their
    /// default value.
    ///
    /// # Errors
    /// [`StoredError::Encode`].
    fn store_added(&self, out: &mut Vec<u8>) -> Result<(), StoredError>;

    /// Reads what [`Self::store_added`] wrote, and returns the bytes behind it. A member that
    /// `rest` has no bytes for keeps its default value.
    ///
    /// # Errors
    /// [`StoredError::Decode`].
    fn restore_added<'a>(&mut self, rest: &'a [u8]) -> Result<&'a [u8], StoredError>;
}

/// The two parts in which JSON objects are written. Publishers and exports have always had `id` and
/// `source` before the other members, whatever their order in the table.
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

/// Declares an object: one line for each member, `name: Type as Rule`.
///
/// The order of the members is part of the stored form, and of what is reported first when several
/// members are wrong. A member that is added later goes to the end and is marked `[added]`: records
/// without it stay readable, and events that don't use it keep their bytes. Only types of events
/// can have added members, because only their stored form ends with the record.
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

            /// The members as they were read.
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
