//! Blocks of counts by time slot, of which most are zero, and their form in rows.
//!
//! In: a slot and a count. Out: the counts in the order of their slots, and the bytes of a row.

/// A slot with a count above zero. The slot is in the upper 15 bits and the count in the lower 49,
/// so that the order of cells is the order of their slots. No journal has 2^49 events: writing so
/// many takes over 170 years at 100,000 a second.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Cell(u64);

impl Cell {
    const COUNT_BITS: u32 = 49;
    const COUNT: u64 = (1 << Self::COUNT_BITS) - 1;

    /// `slot` is below 2^15, `count` below 2^49.
    const fn new(slot: u16, count: u64) -> Self {
        Self((slot as u64) << Self::COUNT_BITS | count)
    }

    fn slot(self) -> u16 {
        u16::try_from(self.0 >> Self::COUNT_BITS).unwrap_or(u16::MAX)
    }

    const fn count(self) -> u64 {
        self.0 & Self::COUNT
    }
}

/// Counts by slot (below 2^15). Slots with count zero have no cell.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Block {
    /// The cells in the order of their slots.
    cells: Vec<Cell>,
}

impl Block {
    /// Adds `more`, which is not zero, to the count of a slot.
    pub(super) fn add(&mut self, slot: u16, more: u64) {
        match self.cells.last_mut() {
            // Most tweets arrive in the order of their times.
            Some(last) if last.slot() == slot => last.0 += more,
            Some(last) if last.slot() > slot => match self.position(slot) {
                Ok(position) => {
                    if let Some(cell) = self.cells.get_mut(position) {
                        cell.0 += more;
                    }
                }
                Err(position) => self.cells.insert(position, Cell::new(slot, more)),
            },
            _ => self.cells.push(Cell::new(slot, more)),
        }
    }

    /// Subtracts one from the count of a slot; returns false when the count is zero.
    pub(super) fn remove(&mut self, slot: u16) -> bool {
        let Ok(position) = self.position(slot) else {
            return false;
        };
        match self.cells.get_mut(position) {
            Some(cell) if cell.count() > 1 => cell.0 -= 1,
            _ => drop(self.cells.remove(position)),
        }
        true
    }

    /// The slots with counts above zero, in order.
    pub(super) fn counts(&self) -> impl Iterator<Item = (u16, u64)> {
        self.cells.iter().map(|cell| (cell.slot(), cell.count()))
    }

    /// The number of slots with counts above zero.
    pub(super) fn len(&self) -> usize {
        self.cells.len()
    }

    /// Bytes of memory beyond the block itself.
    pub(super) fn heap_bytes(&self) -> usize {
        self.cells.capacity() * size_of::<Cell>()
    }

    /// Frees unused memory.
    pub(super) fn shrink(&mut self) {
        self.cells.shrink_to_fit();
    }

    /// About how many bytes [`Block::encode`] appends.
    pub(super) fn encoded_bytes(&self) -> usize {
        self.cells.len() * 3
    }

    /// Appends for each slot with a count its distance from the slot before (from 0 for the first)
    /// and its count, both as LEB128.
    pub(super) fn encode(&self, row: &mut Vec<u8>) {
        let mut before = 0;
        for (slot, count) in self.counts() {
            put_number(row, u64::from(slot - before));
            put_number(row, count);
            before = slot;
        }
    }

    /// Decodes the bytes after the header of a row. `None` when they are not exactly what
    /// [`Block::encode`] writes, or have a slot that is not below `slots`.
    pub(super) fn decode(mut rest: &[u8], slots: u16) -> Option<Self> {
        let mut cells = Vec::with_capacity(rest.len() / 2);
        let mut slot = 0;
        while !rest.is_empty() {
            let distance = take_number(&mut rest)?;
            let count = take_number(&mut rest)?;
            slot += u16::try_from(distance)
                .ok()
                .filter(|distance| *distance < slots)?;
            let in_order = distance > 0 || cells.is_empty();
            if !in_order || slot >= slots || !(1..=Cell::COUNT).contains(&count) {
                return None;
            }
            cells.push(Cell::new(slot, count));
        }
        (!cells.is_empty()).then_some(Self { cells })
    }

    fn position(&self, slot: u16) -> Result<usize, usize> {
        self.cells.binary_search_by_key(&slot, |cell| cell.slot())
    }
}

/// Appends a number as LEB128.
fn put_number(out: &mut Vec<u8>, mut number: u64) {
    loop {
        let [low, ..] = number.to_le_bytes();
        number >>= 7;
        if number == 0 {
            out.push(low);
            return;
        }
        out.push(low | 0x80);
    }
}

/// Takes a number of at most nine bytes (63 bits) from the front. `None` when it is cut, or longer
/// than necessary.
fn take_number(rest: &mut &[u8]) -> Option<u64> {
    let mut number = 0;
    for shift in (0..63).step_by(7) {
        let (&byte, behind) = rest.split_first()?;
        *rest = behind;
        number |= u64::from(byte & 0x7f) << shift;
        if byte & 0x80 == 0 {
            return (byte != 0 || shift == 0).then_some(number);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn encoded(block: &Block) -> Vec<u8> {
        let mut row = Vec::new();
        block.encode(&mut row);
        row
    }

    #[test]
    fn row_has_the_documented_bytes() {
        let mut block = Block::default();
        assert!(encoded(&block).is_empty());
        for slot in [300, 2, 300] {
            block.add(slot, 1);
        }
        // Slot 2 with count 1, then slot 300 (298 further) with count 2.
        assert_eq!(encoded(&block), [2, 1, 0xaa, 0x02, 2]);
        assert!(!block.remove(3));
        assert!(block.remove(300) && block.remove(2));
        assert_eq!(encoded(&block), [0xac, 0x02, 1]);
        assert!(block.remove(300) && !block.remove(300));
        assert!(encoded(&block).is_empty());
    }

    #[test]
    fn other_encodings_of_a_row_are_refused() {
        let refused: [&[u8]; 7] = [
            b"",
            b"\x01",
            b"\x01\x00",
            b"\x81\x00\x01",
            b"\x01\x01\x00\x01",
            b"\xe8\x02\x01",
            b"\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01\x01",
        ];
        for row in refused {
            assert_eq!(Block::decode(row, 360), None, "{row:?}");
        }
        assert!(Block::decode(b"\xe7\x02\x01", 360).is_some());
    }

    proptest! {
        #[test]
        fn decoding_an_encoded_block_gives_the_same_block(
            counts in prop::collection::btree_map(0_u16..23_040, 1..=Cell::COUNT, 1..384),
        ) {
            let cells = counts.iter().map(|(slot, count)| Cell::new(*slot, *count));
            let block = Block { cells: cells.collect() };
            prop_assert!(block.counts().eq(counts.into_iter()));
            prop_assert_eq!(Block::decode(&encoded(&block), 23_040), Some(block));
        }
    }
}
