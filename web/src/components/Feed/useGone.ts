import { useEffect, useRef, useState } from "react";
import { comparePlaces, type Place } from "@/data/topics/timeline";
import type { Tweet } from "@/data/types";

/** A row of the feed: a tweet, or the place of one that was deleted while it was shown. */
export type Row = Tweet | (Place & { gone: true });
export const isGone = (row: Row): row is Place & { gone: true } => "gone" in row;

/** How long the row of a deleted tweet stays. It stays longer while the pointer or the focus is on it. */
const STAYS_MS = 4_000;

const isRead = (id: string) => {
  const row = document.querySelector(`.feed-l .tweet[data-id="${CSS.escape(id)}"]`);
  return row !== null && (row.matches(":hover") || row.contains(document.activeElement));
};

/** Puts the places of deleted tweets between the others, newest first. */
export function withGone(tweets: readonly Tweet[], gone: readonly Place[]): readonly Row[] {
  if (gone.length === 0) return tweets;
  return [...tweets, ...gone.map(({ at, id }) => ({ at, id, gone: true as const }))].sort((a, b) =>
    comparePlaces(b, a),
  );
}

/**
 * Keeps the places of tweets that were deleted while they were on screen. Returns the rows, and what must be told
 * which rows are drawn.
 */
export function useGone(tweets: readonly Tweet[], gone: readonly Place[]) {
  const drawn = useRef<ReadonlySet<string>>(new Set());
  const [known, setKnown] = useState(gone);
  const [kept, setKept] = useState<readonly Place[]>([]);
  if (known !== gone) {
    const before = new Set(known.map(({ id }) => id));
    const fresh = gone.filter(({ id }) => !before.has(id) && drawn.current.has(id));
    setKnown(gone);
    if (fresh.length > 0) setKept((held) => [...held, ...fresh]);
  }
  useEffect(() => {
    if (kept.length === 0) return;
    const timer = setInterval(() => setKept((held) => held.filter(({ id }) => isRead(id))), STAYS_MS);
    return () => clearInterval(timer);
  }, [kept.length]);
  const setDrawn = (ids: Iterable<string>) => {
    drawn.current = new Set(ids);
  };
  return [withGone(tweets, kept), setDrawn] as const;
}
