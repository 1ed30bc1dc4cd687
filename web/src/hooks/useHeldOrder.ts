import { type FocusEvent, useEffect, useMemo, useRef, useState } from "react";

/** How long the order is still held after the pointer and the focus have left. */
const SETTLE_MS = 300;

type Reason = "pointer" | "focus";

/**
 * Holds the order of rows while the pointer or the keyboard's focus is inside their list, and a moment longer. Their
 * content still changes; new rows come last. Another `version` gives the order up and holds the new one.
 */
export function useHeldOrder<Row>(rows: readonly Row[], keyOf: (row: Row) => string, version = "") {
  const [held, setHeld] = useState<readonly string[] | null>(null);
  const [of, setOf] = useState(version);
  const reasons = useRef(new Set<Reason>());
  const timer = useRef<ReturnType<typeof setTimeout>>(undefined);
  useEffect(() => () => clearTimeout(timer.current), []);
  if (of !== version) {
    setOf(version);
    setHeld(reasons.current.size > 0 ? rows.map(keyOf) : null);
  }
  // biome-ignore lint/correctness/useExhaustiveDependencies: `keyOf` names rows the same way for ever.
  const shown = useMemo(() => {
    if (!held || of !== version) return rows;
    const place = new Map(held.map((key, index) => [key, index]));
    const at = (row: Row) => place.get(keyOf(row)) ?? held.length;
    return [...rows].sort((a, b) => at(a) - at(b));
  }, [rows, held, of, version]);

  const enter = (reason: Reason) => {
    clearTimeout(timer.current);
    reasons.current.add(reason);
    setHeld((order) => order ?? shown.map(keyOf));
  };
  const leave = (reason: Reason) => {
    reasons.current.delete(reason);
    clearTimeout(timer.current);
    if (reasons.current.size === 0) timer.current = setTimeout(() => setHeld(null), SETTLE_MS);
  };
  const on = {
    onPointerEnter: () => enter("pointer"),
    onPointerLeave: () => leave("pointer"),
    // A click with the mouse focuses a row too, but the pointer holds the order already.
    onFocus: (event: FocusEvent) => {
      if (event.target.matches(":focus-visible")) enter("focus");
    },
    onBlur: (event: FocusEvent) => {
      if (!event.currentTarget.contains(event.relatedTarget)) leave("focus");
    },
  };
  return [shown, on] as const;
}
