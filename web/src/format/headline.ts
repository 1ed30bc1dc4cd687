import type { KeywordCount, Overview, SpikeOfKeyword } from "@/data/types";
import { multiple } from "./numbers";

/** One sentence of the headline: a text, and the facts in its holes. */
export type Sentence =
  | { key: "hl.up" | "hl.down"; percent: number; total: number }
  | { key: "hl.flat" | "hl.first"; total: number }
  | { key: "hl.zero" }
  | { key: "hl.spike1"; a: string; x: string }
  | { key: "hl.spike2"; a: string; b: string; x: string }
  | { key: "hl.climb"; a: string; places: number; rank: number }
  | { key: "hl.new"; a: string; rank: number }
  | { key: "hl.mover"; a: string; percent: number }
  | { key: "hl.calm" };

/** Changes below this many percent are called "as before". */
const NOTABLE_PERCENT = 5;
const MOVER_MIN_TWEETS = 20;
const TOP = 5;

/** A spike goes on while its last hour is the present one. */
export const isOngoing = (spike: { end: string }, until: string) =>
  Date.parse(spike.end) >= Date.parse(until);

export const timesUsual = (spike: { count: number; expected: number }) =>
  spike.count / Math.max(spike.expected, 0.1);

function first({ total, previous }: Overview): Sentence {
  if (total === 0) return { key: "hl.zero" };
  if (previous === 0) return { key: "hl.first", total };
  const percent = Math.round(((total - previous) / previous) * 100);
  if (percent >= NOTABLE_PERCENT) return { key: "hl.up", percent, total };
  if (percent <= -NOTABLE_PERCENT) return { key: "hl.down", percent: -percent, total };
  return { key: "hl.flat", total };
}

function spiking(spikes: readonly SpikeOfKeyword[], until: string): Sentence | undefined {
  const ongoing = spikes.filter((spike) => isOngoing(spike, until));
  const [a, b] = [...new Map(ongoing.map((spike) => [spike.keyword, spike])).values()];
  if (!a) return undefined;
  if (!b) return { key: "hl.spike1", a: a.keyword, x: multiple(timesUsual(a)) };
  return {
    key: "hl.spike2",
    a: a.keyword,
    b: b.keyword,
    // "Over" this: cut, not rounded up to a multiple that the smaller spike does not reach.
    x: multiple(Math.floor(Math.min(timesUsual(a), timesUsual(b)) * 10) / 10),
  };
}

const growth = ({ count, previous }: KeywordCount) => (count - previous) / previous;

function moving(keywords: readonly KeywordCount[]): (Sentence | undefined)[] {
  const top = keywords.filter((keyword) => keyword.rank <= TOP && keyword.count > 0);
  const climb = top
    .filter(({ change }) => (change ?? 0) >= 2)
    .sort((a, b) => (b.change ?? 0) - (a.change ?? 0))[0];
  const fresh = top.find((keyword) => keyword.previous_rank === null);
  const mover = keywords
    .filter((keyword) => keyword.count >= MOVER_MIN_TWEETS && keyword.previous > 0)
    .sort((a, b) => growth(b) - growth(a))[0];
  const percent = mover ? Math.round(growth(mover) * 100) : 0;
  return [
    climb && { key: "hl.climb", a: climb.keyword, places: climb.change ?? 0, rank: climb.rank },
    fresh && { key: "hl.new", a: fresh.keyword, rank: fresh.rank },
    mover && percent >= NOTABLE_PERCENT ? { key: "hl.mover", a: mover.keyword, percent } : undefined,
  ];
}

/** The sentences of the overview: the total first, then the two most notable facts that hold. */
export function headline(overview: Overview): [Sentence, ...Sentence[]] {
  const opening = first(overview);
  if (opening.key === "hl.zero") return [opening];
  const facts = [spiking(overview.spikes ?? [], overview.until), ...moving(overview.keywords)];
  const holding = facts.filter((fact) => fact !== undefined).slice(0, 2);
  return [opening, ...(holding.length > 0 ? holding : [{ key: "hl.calm" } as const])];
}
