import type uPlot from "uplot";
import type { Spike } from "@/data/types";
import { timesUsual } from "@/format/headline";
import { multiple } from "@/format/numbers";
import type { ChartTheme } from "./theme";

/** What is drawn beside the lines. All lengths are CSS pixels; `ratio` brings them to the canvas. */
export interface Marks {
  spikes: readonly Spike[];
  selected: { from: number; to: number } | undefined;
  /** Whether the last bucket is still being counted. */
  open: boolean;
  stepMs: number;
  spikeText: (times: string) => string;
}

const ratio = () => globalThis.devicePixelRatio || 1;

const DAY_MS = 864e5;
/** In a longer stretch every second day would be a weekend's stripe. */
const MAX_WEEKEND_SPAN_MS = 62 * DAY_MS;
/** In a shorter one a band says nothing that the labels do not. */
const MIN_WEEKEND_SPAN_MS = 3 * DAY_MS;

/** Saturdays and Sundays, behind everything. */
export function drawWeekends(plot: uPlot, marks: Marks, theme: ChartTheme): void {
  const { ctx, bbox } = plot;
  const times = plot.data[0];
  const half = marks.stepMs / 2;
  // The buckets' own time; each is drawn around its start, half a step further left.
  const start = (times[0] ?? 0) * 1_000;
  const end = (times.at(-1) ?? 0) * 1_000 + marks.stepMs;
  if (end - start < MIN_WEEKEND_SPAN_MS || end - start > MAX_WEEKEND_SPAN_MS) return;
  ctx.save();
  ctx.fillStyle = theme.sunken;
  const day = new Date(start);
  day.setHours(0, 0, 0, 0);
  for (; day.getTime() < end; day.setDate(day.getDate() + 1)) {
    if (![0, 6].includes(day.getDay())) continue;
    const next = new Date(day);
    next.setDate(next.getDate() + 1);
    const x = (at: number) => plot.valToPos((Math.min(end, Math.max(start, at)) - half) / 1_000, "x", true);
    const from = Math.max(bbox.left, x(day.getTime()));
    const to = Math.min(bbox.left + bbox.width, x(next.getTime()));
    if (to > from) ctx.fillRect(from, bbox.top, to - from, bbox.height);
  }
  ctx.restore();
}

/** The chosen bucket, behind the lines. */
export function drawBand(plot: uPlot, marks: Marks, theme: ChartTheme): void {
  if (!marks.selected) return;
  const { ctx, bbox } = plot;
  const half = marks.stepMs / 2_000;
  const from = plot.valToPos(marks.selected.from / 1_000 - half, "x", true);
  const to = plot.valToPos(marks.selected.to / 1_000 - half, "x", true);
  ctx.save();
  ctx.beginPath();
  ctx.rect(bbox.left, bbox.top, bbox.width, bbox.height);
  ctx.clip();
  ctx.fillStyle = theme.tideSoft;
  ctx.fillRect(from, bbox.top, Math.max(to - from, 3 * ratio()), bbox.height);
  ctx.restore();
}

/** Spikes: a triangle and a multiple at the peak, and a dotted line where it would usually be. */
export function drawSpikes(plot: uPlot, marks: Marks, theme: ChartTheme): void {
  const { ctx, bbox } = plot;
  const px = ratio();
  const times = plot.data[0];
  const counts = plot.data[3] ?? [];
  ctx.save();
  ctx.font = `650 ${12 * px}px ${theme.font}`;
  let lastLabel = Number.NEGATIVE_INFINITY;
  for (const spike of [...marks.spikes].sort((a, b) => a.start.localeCompare(b.start))) {
    const start = Date.parse(spike.start) / 1_000;
    const end = Date.parse(spike.end) / 1_000;
    let index = -1;
    for (let i = 0; i < times.length; i += 1) {
      const time = times[i] ?? 0;
      if (
        time + marks.stepMs / 1_000 > start &&
        time < end &&
        (index < 0 || (counts[i] ?? 0) > (counts[index] ?? 0))
      )
        index = i;
    }
    if (index < 0) continue;
    const count = counts[index] ?? 0;
    const x = plot.valToPos(times[index] ?? 0, "x", true);
    const y = plot.valToPos(count, "y", true);
    if (x < bbox.left - 1 || x > bbox.left + bbox.width + 1) continue;
    const usual = plot.valToPos(count / Math.max(timesUsual(spike), 1), "y", true);
    ctx.strokeStyle = theme.rise;
    ctx.fillStyle = theme.rise;
    ctx.lineWidth = 1.25 * px;
    ctx.beginPath();
    ctx.moveTo(x, y);
    ctx.lineTo(x, usual);
    ctx.stroke();
    ctx.setLineDash([2 * px, 2 * px]);
    ctx.lineWidth = 1.5 * px;
    ctx.beginPath();
    ctx.moveTo(Math.max(bbox.left, x - 26 * px), usual);
    ctx.lineTo(Math.min(bbox.left + bbox.width, x + 8 * px), usual);
    ctx.stroke();
    ctx.setLineDash([]);
    ctx.beginPath();
    ctx.moveTo(x, y - 17 * px);
    ctx.lineTo(x + 4.5 * px, y - 9.5 * px);
    ctx.lineTo(x - 4.5 * px, y - 9.5 * px);
    ctx.fill();
    const text = marks.spikeText(multiple(timesUsual(spike)));
    const width = ctx.measureText(text).width;
    const left = x - 9 * px - width > bbox.left;
    const at = left ? x - 9 * px - width : x + 9 * px;
    if (at < lastLabel) continue;
    ctx.textAlign = "left";
    ctx.textBaseline = "alphabetic";
    ctx.lineWidth = 4 * px;
    ctx.lineJoin = "round";
    ctx.strokeStyle = theme.surface;
    ctx.strokeText(text, at, y - 9.5 * px);
    ctx.fillText(text, at, y - 9.5 * px);
    lastLabel = at + width + 6 * px;
  }
  ctx.restore();
}

/** The open bucket: a dashed way to a hollow dot. */
export function drawOpen(plot: uPlot, marks: Marks, colour: string, theme: ChartTheme): void {
  const times = plot.data[0];
  const counts = plot.data[3] ?? [];
  const last = times.length - 1;
  if (!marks.open || last < 1) return;
  const { ctx, bbox } = plot;
  const px = ratio();
  const point = (index: number) =>
    [plot.valToPos(times[index] ?? 0, "x", true), plot.valToPos(counts[index] ?? 0, "y", true)] as const;
  const [x0, y0] = point(last - 1);
  const [x1, y1] = point(last);
  if (x1 > bbox.left + bbox.width + 1) return;
  ctx.save();
  ctx.strokeStyle = colour;
  ctx.lineWidth = 1.75 * px;
  ctx.setLineDash([3 * px, 3 * px]);
  ctx.beginPath();
  ctx.moveTo(x0, y0);
  ctx.lineTo(x1, y1);
  ctx.stroke();
  ctx.setLineDash([]);
  ctx.fillStyle = theme.surface;
  ctx.lineWidth = 2 * px;
  ctx.beginPath();
  ctx.arc(x1, y1, 4 * px, 0, 2 * Math.PI);
  ctx.fill();
  ctx.stroke();
  ctx.restore();
}
