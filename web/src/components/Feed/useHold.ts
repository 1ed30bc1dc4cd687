import { type RefObject, useEffect, useRef, useState } from "react";
import type { Tweet } from "@/data/types";
import { type Held, split } from "./held";

/**
 * Holds the feed still while the reader is in it: scrolled down, with the keyboard's focus on a row, with selected
 * text, or paused. What comes meanwhile waits.
 */
export function useHold(tweets: readonly Tweet[], box: RefObject<HTMLElement | null>) {
  const [paused, setPaused] = useState(false);
  const [held, setHeld] = useState<Held>(undefined);
  const reasons = useRef(new Set<"scrolled" | "focus" | "selection" | "paused">());
  const { shown, waiting } = split(tweets, held);
  const newest = useRef(shown[0]);
  newest.current = shown[0];

  const update = (reason: "scrolled" | "focus" | "selection" | "paused", on: boolean) => {
    if (on) reasons.current.add(reason);
    else reasons.current.delete(reason);
    const top = newest.current;
    if (reasons.current.size === 0) setHeld(undefined);
    else setHeld((now) => now ?? (top && { at: top.at, id: top.id }));
  };
  const latest = useRef(update);
  latest.current = update;
  useEffect(() => {
    const selected = () => {
      const selection = getSelection();
      const inside = box.current?.contains(selection?.anchorNode ?? null) ?? false;
      latest.current("selection", inside && selection?.isCollapsed === false);
    };
    document.addEventListener("selectionchange", selected);
    return () => document.removeEventListener("selectionchange", selected);
  }, [box]);

  return {
    shown,
    waiting,
    paused,
    onTop: (atTop: boolean) => update("scrolled", !atTop),
    /** A click with the mouse focuses a row too, but does not mean that it is read. */
    onFocus: (target: Element) => {
      if (target.matches(":focus-visible") && target.closest(".tweet")) update("focus", true);
    },
    onBlur: (next: Element | null) => {
      if (!box.current?.contains(next)) update("focus", false);
    },
    toggle: () => {
      setPaused(!paused);
      update("paused", !paused);
    },
    release: () => {
      setPaused(false);
      reasons.current.clear();
      setHeld(undefined);
    },
  };
}
