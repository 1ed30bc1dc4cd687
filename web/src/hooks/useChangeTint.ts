import { type RefObject, useLayoutEffect, useRef } from "react";

const DURATION_MS = 600;

/** Tints an element for a moment when its value has changed. Nothing moves under reduced motion. */
export function useChangeTint(ref: RefObject<HTMLElement | null>, value: number | string | undefined): void {
  const before = useRef(value);
  useLayoutEffect(() => {
    if (before.current === value) return;
    before.current = value;
    if (document.hidden || matchMedia("(prefers-reduced-motion: reduce)").matches) return;
    ref.current?.animate?.([{ backgroundColor: "var(--tide-soft)" }, { backgroundColor: "transparent" }], {
      duration: DURATION_MS,
    });
  }, [ref, value]);
}
