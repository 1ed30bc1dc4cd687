import { useEffect, useRef } from "react";
import type { Tweet } from "@/data/types";

/** More new tweets than this in one draw come without a tint. */
const MAX_TINTED = 5;
/** As long as the tint fades. */
const TINT_MS = 2_400;
/** New tweets are looked for among so many at the top. */
const LOOKED_AT = 200;

/** The ids of the tweets that have just come, for as long as they are tinted. */
export function useTint(shown: readonly Tweet[], keyword: string): ReadonlySet<string> {
  const seen = useRef<{ keyword: string; ids: ReadonlySet<string> } | null>(null);
  const until = useRef(new Map<string, number>());
  const now = Date.now();
  const before = seen.current?.keyword === keyword ? seen.current.ids : null;
  const fresh = before === null ? [] : shown.slice(0, MAX_TINTED + 1).filter(({ id }) => !before.has(id));
  const tinted = new Map([...until.current].filter(([, end]) => end > now));
  if (fresh.length <= MAX_TINTED) for (const { id } of fresh) tinted.set(id, now + TINT_MS);
  useEffect(() => {
    seen.current = { keyword, ids: new Set(shown.slice(0, LOOKED_AT).map(({ id }) => id)) };
    until.current = tinted;
  });
  return new Set(tinted.keys());
}
