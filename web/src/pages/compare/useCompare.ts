import { keepPreviousData, useQuery } from "@tanstack/react-query";
import { api, need } from "@/data/api/client";
import type { Comparison, Step, Window } from "@/data/types";
import { WINDOW_MS } from "@/data/types";
import { zoneOffset } from "@/format/time";

/** A comparison has no channel; it is asked for again. */
const REFRESH_MS = 5_000;
export const MAX_KEYWORDS = 10;
export const COMPARE_STEPS: Record<Window, Step> = {
  "1h": "minute",
  "24h": "hour",
  "7d": "hour",
  "30d": "day",
};

/** Counts of the chosen keywords over a window and over as long before it. */
export function useCompare(keywords: readonly string[], window: Window, at: string | undefined) {
  const step = COMPARE_STEPS[window];
  return useQuery({
    queryKey: ["compare", keywords, window, at],
    queryFn: async () => {
      const unit = step === "minute" ? 6e4 : step === "hour" ? 36e5 : 864e5;
      const end = at ? Date.parse(at) : Date.now();
      // One bucket less than the window, because the open one counts too.
      const from = new Date(Math.floor(end / unit) * unit - 2 * WINDOW_MS[window] + unit).toISOString();
      const tz = step === "day" ? zoneOffset() : "+00:00";
      return need(
        api.GET("/api/v1/compare", { params: { query: { keyword: [...keywords], step, from, to: at, tz } } }),
      );
    },
    enabled: keywords.length > 0,
    placeholderData: keepPreviousData,
    refetchInterval: at ? false : REFRESH_MS,
  });
}

export interface Compared {
  keyword: string;
  points: Comparison["series"][number]["points"];
  total: number;
  before: number;
}

/** Splits an answer into the window and what was before it. */
export function splitWindow(answer: Comparison, window: Window): Compared[] {
  const start = Date.parse(answer.until) - WINDOW_MS[window];
  return answer.series.map(({ keyword, points }) => {
    const inside = points.filter((point) => Date.parse(point.at) >= start);
    const total = inside.reduce((sum, { count }) => sum + count, 0);
    const all = points.reduce((sum, { count }) => sum + count, 0);
    return { keyword, points: inside, total, before: all - total };
  });
}

export type Mode = "count" | "index" | "share";

/** Counts, or counts with each maximum at 100, or shares of each bucket in percent. */
export function scaled(series: readonly Compared[], mode: Mode): number[][] {
  if (mode === "count") return series.map(({ points }) => points.map(({ count }) => count));
  if (mode === "index") {
    return series.map(({ points }) => {
      const max = Math.max(...points.map(({ count }) => count), 1);
      return points.map(({ count }) => (count / max) * 100);
    });
  }
  return series.map(({ points }) =>
    points.map((point, index) => {
      const sum = series.reduce((all, other) => all + (other.points[index]?.count ?? 0), 0);
      return sum === 0 ? 0 : (point.count / sum) * 100;
    }),
  );
}
