/** FNV-1a over the UTF-8 bytes, 32 bits: the hash that also places a keyword in its shard. */
export function fnv1a32(text: string): number {
  let hash = 0x811c9dc5;
  for (const byte of new TextEncoder().encode(text)) hash = Math.imul(hash ^ byte, 0x01000193) >>> 0;
  return hash;
}

export const SLOTS = 10;

/** A colour of the keyword palette. `again` marks a keyword that shares its slot with an earlier one. */
export interface Slot {
  index: number;
  again: boolean;
}

export const slotColour = ({ index }: Slot) => `var(--k${index + 1})`;

interface Named {
  keyword: string;
  token: string;
}

/**
 * Walks the keywords in the order of their hashes. Each takes the slot of its hash or the next free one, so every
 * viewer of the same keywords sees the same colours.
 */
export function assignSlots(keywords: readonly Named[]): Map<string, Slot> {
  const order = keywords
    .map((named) => ({ ...named, hash: fnv1a32(named.token) }))
    .sort((a, b) => a.hash - b.hash || (a.keyword < b.keyword ? -1 : 1));
  const slots = new Map<string, Slot>();
  let taken = new Set<number>();
  let again = false;
  for (const { keyword, hash } of order) {
    if (taken.size === SLOTS) {
      taken = new Set();
      again = true;
    }
    let index = hash % SLOTS;
    while (taken.has(index)) index = (index + 1) % SLOTS;
    taken.add(index);
    slots.set(keyword, { index, again });
  }
  return slots;
}

/** In one chart no two keywords share a slot: the later one takes the next that is free there. */
export function distinctSlots(
  keywords: readonly string[],
  slots: ReadonlyMap<string, Slot>,
): Map<string, Slot> {
  const used = new Set<number>();
  const result = new Map<string, Slot>();
  for (const keyword of keywords) {
    const own = slots.get(keyword) ?? { index: 0, again: false };
    let index = own.index;
    while (used.has(index) && used.size < SLOTS) index = (index + 1) % SLOTS;
    used.add(index);
    result.set(keyword, { index, again: own.again });
  }
  return result;
}
