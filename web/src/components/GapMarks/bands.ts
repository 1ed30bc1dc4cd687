import type { GapState, NamedGap } from "@/data/sources";

/** How strongly a gap is marked: its posts came after all, may still come, or will not. */
export type Level = "filled" | "open" | "lost";

const LEVELS: Record<GapState, Level> = { open: "open", filling: "open", filled: "filled", lost: "lost" };
/** The later ones are drawn over the earlier ones. */
const DRAWN: readonly Level[] = ["filled", "open", "lost"];
/** A gap of seconds in a chart of weeks is still seen. */
const MIN_WIDTH_PX = 3;

export interface TimedGap extends NamedGap {
  start: number;
  /** Infinity while the gap is open. */
  end: number;
}

export const timed = (gap: NamedGap): TimedGap => ({
  ...gap,
  start: Date.parse(gap.from),
  end: gap.to === null ? Number.POSITIVE_INFINITY : Date.parse(gap.to),
});

/** The gaps that touch a stretch of time, its end excluded. */
export const within = (gaps: readonly TimedGap[], from: number, to: number) =>
  gaps.filter(({ start, end }) => start < to && end > from);

export interface Band {
  level: Level;
  left: number;
  right: number;
}

/** Where gaps lie on a width that stands for a stretch of time. Gaps of one level that touch are one band. */
export function bands(gaps: readonly TimedGap[], from: number, to: number, width: number): Band[] {
  const x = (at: number) => Math.min(1, Math.max(0, (at - from) / (to - from))) * width;
  return DRAWN.flatMap((level) => {
    const merged: Band[] = [];
    const own = within(gaps, from, to).filter(({ state }) => LEVELS[state] === level);
    for (const { start, end } of own.sort((a, b) => a.start - b.start)) {
      const left = Math.min(x(start), width - MIN_WIDTH_PX);
      const right = Math.max(x(end), left + MIN_WIDTH_PX);
      const last = merged.at(-1);
      if (last && left <= last.right) last.right = Math.max(last.right, right);
      else merged.push({ level, left, right });
    }
    return merged;
  });
}

/** Lines at 45° in a box from the top, `step` pixels apart on its base. They join those of the boxes beside it. */
export function hatch(left: number, right: number, height: number, step: number): string {
  const point = (x: number, y: number) => `${+x.toFixed(1)} ${+y.toFixed(1)}`;
  let path = "";
  for (let sum = Math.floor(left / step + 1) * step; sum < right + height; sum += step) {
    const down = Math.min(height, sum - left);
    const up = Math.max(0, sum - right);
    path += `M${point(sum - down, down)}L${point(sum - up, up)}`;
  }
  return path;
}
