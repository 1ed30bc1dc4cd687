import { type KeyboardEvent, memo, useCallback, useMemo, useRef, useState } from "react";
import type uPlot from "uplot";
import type { Point, Spike, Step } from "@/data/types";
import { STEP_MS } from "@/data/types";
import { compact, exact } from "@/format/numbers";
import { absolute, day, hour, hourMinute, shortDay } from "@/format/time";
import { useLanguage, useT } from "@/i18n/I18n";
import type { Language } from "@/i18n/translate";
import "../Chart/Chart.css";
import { ChartTable } from "../Chart/ChartTable";
import { countScale } from "../Chart/scale";
import { Tooltip } from "../Chart/Tooltip";
import { Empty } from "../Empty/Empty";
import type { GapMarks } from "../GapMarks/GapMarks";
import { UPlot } from "../UPlot/UPlot";
import { bucketText } from "./bucket";
import { drawBand, drawOpen, drawSpikes, drawWeekends, type Marks } from "./draw";
import { chartTheme, faded, resolveColour } from "./theme";

export interface VolumeChartProps {
  points: readonly Point[];
  step: Step;
  until: string;
  /** Counts of the same buckets in the period before, or nothing. */
  previous?: readonly (number | null)[] | undefined;
  spikes: readonly Spike[];
  colour: string;
  open: boolean;
  selected?: { from: number; to: number } | undefined;
  table?: boolean;
  gaps?: GapMarks | undefined;
  onBucket: (from: number, to: number) => void;
  onZoom: (from: number, to: number) => void;
  onReset: () => void;
}

const PAD_TOP = 24;
const PAD_RIGHT = 14;
const AXIS_X = 28;
const AXIS_Y = 40;
/** The place of the plot in the chart. */
const GAP_INSET = `${PAD_TOP}px ${PAD_RIGHT}px ${AXIS_X}px ${AXIS_Y}px`;
const DRAG_MIN_PX = 12;
const AFTER_DRAG_MS = 300;

function tickText(at: number, spanMs: number, language: Language): string {
  if (spanMs <= 2 * 864e5) {
    const midnight = new Date(at).getHours() === 0 && new Date(at).getMinutes() === 0;
    return midnight ? day(at, language) : spanMs <= 6 * 36e5 ? hourMinute(at) : hour(at, language);
  }
  return spanMs <= 10 * 864e5 ? day(at, language) : shortDay(at, language);
}

const SECOND_INCREMENTS = [60, 300, 900, 1_800, 3_600, 7_200, 10_800, 21_600, 43_200, 86_400];
const DAY_INCREMENTS = [86_400, 172_800, 604_800, 1_209_600, 2_419_200];

/** Steps between labels, in seconds. From two days on labels are days, so none may stand twice. */
const increments = (spanMs: number) => (spanMs <= 2 * 864e5 ? SECOND_INCREMENTS : DAY_INCREMENTS);

/** Counts of one keyword over time: the line that everything on its page hangs on. */
export const VolumeChart = memo(function VolumeChart(props: VolumeChartProps) {
  const {
    points,
    step,
    previous,
    spikes,
    colour,
    open,
    selected,
    table = false,
    gaps,
    onBucket,
    onZoom,
    onReset,
  } = props;
  const t = useT();
  const language = useLanguage();
  const stepMs = STEP_MS[step];
  const times = useMemo(() => points.map(({ at }) => Date.parse(at) / 1_000), [points]);
  // biome-ignore lint/correctness/useExhaustiveDependencies: new spikes are drawn with the same counts.
  const data = useMemo<uPlot.AlignedData>(() => {
    const counts = points.map(({ count }) => count);
    // The line ends before the open bucket, whose way is drawn dashed; the invisible series holds all counts.
    const closed = open ? counts.map((count, index) => (index === counts.length - 1 ? null : count)) : counts;
    return [times, closed, previous ? [...previous] : times.map(() => null), counts];
  }, [times, points, previous, open, spikes]);
  const plot = useRef<uPlot | null>(null);
  const zoomedAt = useRef(0);
  const [active, setActive] = useState<number | null>(null);
  const [anchor, setAnchor] = useState<number | null>(null);
  const marks = useRef<Marks>({ spikes, selected, open, stepMs, spikeText: () => "" });
  marks.current = { spikes, selected, open, stepMs, spikeText: (x) => t("spike.times", { x }) };
  const handlers = useRef({ onBucket, onZoom, onReset });
  handlers.current = { onBucket, onZoom, onReset };

  const options = useCallback(
    (element: HTMLElement, width: number, own: number): uPlot.Options => {
      const theme = chartTheme(element);
      const line = resolveColour(element, colour);
      const axis = { stroke: theme.axis, font: `11px ${theme.font}`, ticks: { show: false } };
      return {
        width,
        height: own,
        padding: [PAD_TOP, PAD_RIGHT, 0, 0],
        legend: { show: false },
        scales: {
          x: { time: true, range: (_, min, max) => [min - stepMs / 2_000, max + stepMs / 2_000] },
          y: { range: (_, __, max) => [0, countScale(max, 0, 1).max] },
        },
        axes: [
          {
            ...axis,
            size: AXIS_X,
            gap: 8,
            space: 62,
            incrs: (_, __, min, max) => increments((max - min) * 1_000),
            grid: { show: false },
            values: (u, splits) => {
              const span = ((u.scales.x?.max ?? 0) - (u.scales.x?.min ?? 0)) * 1_000;
              return splits.map((split) => tickText(split * 1_000, span, language));
            },
          },
          {
            ...axis,
            size: AXIS_Y,
            gap: 8,
            grid: { stroke: theme.grid, width: 1 },
            splits: (_, __, min, max) => countScale(max, min, 1).ticks,
            values: (_, splits) => splits.map((split) => compact(split, language)),
          },
        ],
        series: [
          {},
          {
            stroke: line,
            width: 1.75,
            points: { show: false },
            fill: (u) => {
              const gradient = u.ctx.createLinearGradient(0, u.bbox.top, 0, u.bbox.top + u.bbox.height);
              gradient.addColorStop(0, faded(line, theme.areaTop));
              gradient.addColorStop(1, faded(line, theme.areaBottom));
              return gradient;
            },
          },
          { stroke: faded(theme.baseline, 0.5), width: 1.1, dash: [2.5, 2.5], points: { show: false } },
          { stroke: "transparent", width: 0, points: { show: false } },
        ],
        cursor: {
          y: false,
          points: { size: (_, index) => (index === 3 ? 8 : 0), fill: line, stroke: theme.surface, width: 2 },
          drag: { x: true, y: false, setScale: false, dist: DRAG_MIN_PX },
        },
        hooks: {
          drawClear: [
            (u) => {
              drawWeekends(u, marks.current, theme);
              drawBand(u, marks.current, theme);
            },
          ],
          draw: [
            (u) => {
              drawOpen(u, marks.current, line, theme);
              drawSpikes(u, marks.current, theme);
            },
          ],
          setCursor: [(u) => setActive(u.cursor.idx ?? null)],
          setSelect: [
            (u) => {
              if (u.select.width < DRAG_MIN_PX) return;
              const from = u.posToVal(u.select.left, "x") * 1_000;
              const to = u.posToVal(u.select.left + u.select.width, "x") * 1_000;
              u.setSelect({ left: 0, top: 0, width: 0, height: 0 }, false);
              zoomedAt.current = Date.now();
              handlers.current.onZoom(Math.floor(from / stepMs) * stepMs, Math.ceil(to / stepMs) * stepMs);
            },
          ],
        },
      };
    },
    [colour, stepMs, language],
  );

  const bucket = (index: number) => (times[index] ?? 0) * 1_000;
  const gapWords = (index: number) => gaps?.words(bucket(index), bucket(index) + stepMs);
  const touch = useRef(false);
  const tapped = useRef<number | null>(null);
  /** The bucket under a pointer, if it is on the plot. */
  const indexAt = ({ target, clientX }: { target: EventTarget; clientX: number }) => {
    const u = plot.current;
    return u?.over.contains(target as Node)
      ? u.posToIdx(clientX - u.over.getBoundingClientRect().left)
      : null;
  };
  const keys = (event: KeyboardEvent) => {
    const last = points.length - 1;
    const from = active ?? last;
    const by = event.shiftKey ? 10 : 1;
    const next = { ArrowLeft: from - by, ArrowRight: from + by, Home: 0, End: last }[event.key];
    if (next !== undefined) {
      event.preventDefault();
      const index = Math.min(last, Math.max(0, next));
      setActive(index);
      const u = plot.current;
      u?.setCursor({ left: u.valToPos(times[index] ?? 0, "x"), top: 10 }, false);
    } else if (event.key === "Enter" && active !== null) {
      event.preventDefault();
      if (!event.shiftKey) onBucket(bucket(active), bucket(active) + stepMs);
      else if (anchor === null) setAnchor(active);
      else {
        onZoom(bucket(Math.min(anchor, active)), bucket(Math.max(anchor, active)) + stepMs);
        setAnchor(null);
      }
    } else if (event.key === "Escape") {
      setActive(null);
      setAnchor(null);
      onReset();
    }
  };

  const values = points.map(({ count }) => count);
  const texts = points.map(({ at }) => bucketText(Date.parse(at), step, language));
  if (table) {
    const columns = [
      { name: t("col.tweets"), values },
      ...(previous ? [{ name: t("k.prevline"), values: previous }] : []),
    ];
    return <ChartTable times={texts} columns={columns} height={268} note={gapWords} />;
  }
  const total = values.reduce((sum, value) => sum + value, 0);
  if (total === 0 && !previous?.some((value) => (value ?? 0) > 0))
    return (
      <Empty icon="pulse" title={t("k.quiet")}>
        {t("k.quiet.body")}
      </Empty>
    );
  const peak = values.indexOf(Math.max(...values));
  const summary = t("chart.summary", {
    from: texts[0] ?? "",
    to: texts.at(-1) ?? "",
    n: exact(total),
    peak: texts[peak] ?? "",
    max: exact(values[peak] ?? 0),
    last: exact(values.at(-1) ?? 0),
  });
  const shown = active !== null && active < points.length ? active : null;
  const isOpen = shown === points.length - 1 && open;
  return (
    <div
      className="chart volume-chart"
      role="application"
      tabIndex={0}
      aria-label={`${summary}. ${t("chart.keys")}`}
      onKeyDown={keys}
      onDoubleClick={onReset}
      onClick={(event) => {
        // The click that ends a drag is not meant for a bucket.
        if (Date.now() - zoomedAt.current < AFTER_DRAG_MS) return;
        const index = indexAt(event);
        if (index === null) return;
        // On a touch screen the first tap shows a bucket, and the second opens its tweets.
        if (touch.current && tapped.current !== index) {
          tapped.current = index;
          setActive(index);
          return;
        }
        onBucket(bucket(index), bucket(index) + stepMs);
      }}
      onPointerDown={({ pointerType }) => {
        touch.current = pointerType === "touch";
      }}
      onPointerMove={(event) => {
        if (event.pointerType === "touch") setActive(indexAt(event));
      }}
      onPointerLeave={({ pointerType }) => {
        if (pointerType !== "touch") setActive(null);
      }}
      // The finger scrolls the page instead.
      onPointerCancel={() => setActive(null)}
      onBlur={() => setActive(null)}
    >
      <UPlot
        data={data}
        version={`${colour} ${stepMs} ${language} ${selected?.from ?? ""}-${selected?.to ?? ""}`}
        options={options}
        onPlot={(made) => {
          plot.current = made;
        }}
      />
      {gaps?.layer(bucket(0), bucket(points.length - 1) + stepMs, GAP_INSET)}
      {shown !== null && plot.current ? (
        <Tooltip
          x={plot.current.valToPos(times[shown] ?? 0, "x") + (plot.current.over.offsetLeft ?? 0)}
          y={26}
          width={plot.current.width}
        >
          <div className="m">
            {step === "minute" ? absolute(bucket(shown), language) : texts[shown]}
            {isOpen ? ` · ${t("k.partial")}` : ""}
          </div>
          <div className="r">
            <span>{t("col.tweets")}</span>
            <b>{exact(values[shown] ?? 0)}</b>
          </div>
          {previous ? (
            <div className="r m">
              <span>{t("k.prevline")}</span>
              <span>{exact(previous[shown] ?? 0)}</span>
            </div>
          ) : null}
          {gapWords(shown)}
          <div className="m">{t("tip.click")}</div>
        </Tooltip>
      ) : null}
      <span className="sr" aria-live="polite">
        {shown === null
          ? ""
          : `${t("chart.point", { time: texts[shown] ?? "", n: exact(values[shown] ?? 0) })}${isOpen ? `, ${t("k.partial")}` : ""}`}
        {shown === null ? null : gapWords(shown)}
      </span>
    </div>
  );
});
