import type { Step, Window } from "@/data/types";
import { STEP_MS, WINDOW_MS } from "@/data/types";

/** The steps that a window offers; the first is the default. */
export const STEPS: Record<Window, readonly Step[]> = {
  "1h": ["minute"],
  "24h": ["hour", "minute"],
  "7d": ["hour", "day"],
  "30d": ["day", "hour"],
};

const MAX_MINUTE_SPAN = 6 * 36e5;
const MAX_HOUR_SPAN = 14 * 864e5;

/** The step of a zoomed stretch: minutes up to 6 hours, hours up to 14 days. */
export function zoomStep(spanMs: number): Step {
  return spanMs <= MAX_MINUTE_SPAN ? "minute" : spanMs <= MAX_HOUR_SPAN ? "hour" : "day";
}

/**
 * The start of a live channel. It is rounded down, so that it changes rarely: each change starts a new channel. The
 * page shows the newest part of it. Undefined is the server's own sliding day.
 */
export function channelFrom(window: Window, step: Step, now: number): string | undefined {
  if (window === "24h" && step === "hour") return undefined;
  const unit = window === "1h" || window === "24h" ? 36e5 : 864e5;
  return new Date(Math.floor(now / unit) * unit - WINDOW_MS[window]).toISOString();
}

export interface Stretch {
  from: number;
  to: number;
}

/** A stretch of the address: one bucket of the chart, or a zoomed part of it. */
export function readStretch(from: string | undefined, to: string | undefined): Stretch | undefined {
  if (from === undefined || to === undefined) return undefined;
  const stretch = { from: Date.parse(from), to: Date.parse(to) };
  return stretch.to > stretch.from ? stretch : undefined;
}

export const isBucket = (stretch: Stretch, step: Step) => stretch.to - stretch.from <= STEP_MS[step];
