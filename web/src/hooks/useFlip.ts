import { type RefObject, useLayoutEffect, useRef } from "react";

const DURATION_MS = 260;
const EASING = "cubic-bezier(.2, .7, .2, 1)";

/**
 * Moves the children of an element from where they stood to where they stand, when their order changes. Each child
 * names itself with `data-key`.
 */
export function useFlip(ref: RefObject<HTMLElement | null>, order: string): void {
  const tops = useRef<ReadonlyMap<string, number>>(new Map());
  // biome-ignore lint/correctness/useExhaustiveDependencies: places are read when the order has changed.
  useLayoutEffect(() => {
    const before = tops.current;
    const now = new Map<string, number>();
    const still = matchMedia("(prefers-reduced-motion: reduce)").matches;
    for (const child of ref.current?.children ?? []) {
      if (!(child instanceof HTMLElement) || child.dataset.key === undefined) continue;
      const top = child.offsetTop;
      now.set(child.dataset.key, top);
      const from = before.get(child.dataset.key);
      if (still || document.hidden || from === undefined || from === top) continue;
      child.animate?.([{ transform: `translateY(${from - top}px)` }, { transform: "none" }], {
        duration: DURATION_MS,
        easing: EASING,
      });
    }
    tops.current = now;
  }, [order, ref]);
}
