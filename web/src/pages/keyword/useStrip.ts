import { useLayoutEffect, useRef, useState } from "react";
import type { Spike } from "@/data/types";

/** Whether the reader is at something that stands below the chart. */
function isReadBelow(): boolean {
  const card = document.querySelector(".k-chart");
  const page = card?.closest("main");
  if (!card || !page) return false;
  return [...page.querySelectorAll(":hover, :focus-visible")].some(
    (element) =>
      (card.compareDocumentPosition(element) & Node.DOCUMENT_POSITION_FOLLOWING) !== 0 &&
      !card.contains(element),
  );
}

/**
 * Which spike has its strip open: the chosen one, or else the newest. One that comes later pushes down what stands
 * below, so it waits behind a chip while someone reads there, and the strip that is open stays.
 */
export function useStrip(spikes: readonly Spike[], chosen: Spike | undefined, loaded: boolean) {
  const newest = spikes.at(-1);
  const start = newest?.start;
  const [opened, open] = useState<string | undefined>(undefined);
  const first = useRef(true);
  useLayoutEffect(() => {
    if (start !== undefined && (first.current || !isReadBelow())) open(start);
    if (loaded) first.current = false;
  }, [start, loaded]);
  return {
    spike: chosen ?? spikes.find((each) => each.start === opened),
    waiting: chosen || start === opened ? undefined : newest,
    open,
  };
}
