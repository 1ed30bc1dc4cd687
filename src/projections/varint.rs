//! Numbers of variable length in rows: seven bits a byte, the lowest first; the top bit says that
//! another byte follows (LEB128).

/// Bytes of the longest number.
const MAX_BYTES: usize = 10;

/// Appends a number.
pub(super) fn write_varint(number: u64, out: &mut Vec<u8>) {
    let mut rest = number;
    loop {
        let [low, ..] = rest.to_le_bytes();
        rest >>= 7;
        if rest == 0 {
            out.push(low & 0x7f);
            return;
        }
        out.push(low | 0x80);
    }
}

/// The length of a number in bytes.
pub(super) const fn varint_bytes(number: u64) -> usize {
    let mut bytes = 1;
    let mut rest = number >> 7;
    while rest > 0 {
        bytes += 1;
        rest >>= 7;
    }
    bytes
}

/// Takes a number off the front of `bytes`; `None` when it is cut, does not fit 64 bits, or has
/// more bytes than [`write_varint`] writes for it.
#[inline]
pub(super) fn read_varint(bytes: &mut &[u8]) -> Option<u64> {
    if let Some((first @ 0..0x80, rest)) = bytes.split_first() {
        *bytes = rest;
        return Some(u64::from(*first));
    }
    let mut number = 0_u64;
    for (index, byte) in bytes.iter().take(MAX_BYTES).enumerate() {
        let low = u64::from(byte & 0x7f);
        let shift = 7 * u32::try_from(index).ok()?;
        let part = low << shift;
        if part >> shift != low {
            return None;
        }
        number |= part;
        if *byte < 0x80 {
            // A last byte of 0 adds nothing, so the number has a shorter form.
            if *byte == 0 {
                return None;
            }
            *bytes = bytes.get(index + 1..)?;
            return Some(number);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn any_number_is_read_as_it_was_written(number: u64, behind: Vec<u8>) {
            let mut bytes = Vec::new();
            write_varint(number, &mut bytes);
            prop_assert!(bytes.len() <= MAX_BYTES);
            bytes.extend_from_slice(&behind);
            let mut rest = &bytes[..];
            prop_assert_eq!(read_varint(&mut rest), Some(number));
            prop_assert_eq!(rest, &behind[..]);
        }
    }

    #[test]
    fn cut_too_large_and_too_long_numbers_are_refused() {
        for bytes in [&[][..], &[0x80], &[0xff; 9], &[0xff; 11]] {
            assert_eq!(read_varint(&mut &bytes[..]), None, "{bytes:?}");
        }
        let two_to_the_64 = [0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 2];
        assert_eq!(read_varint(&mut &two_to_the_64[..]), None);
        for long in [&[0x80, 0][..], &[0x81, 0], &[0xff, 0x80, 0]] {
            assert_eq!(read_varint(&mut &long[..]), None, "{long:?}");
        }
    }
}
