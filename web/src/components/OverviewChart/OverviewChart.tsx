import { type KeyboardEvent, type PointerEvent, useState } from "react";
import type { Window } from "@/data/types";
import { WINDOW_MS } from "@/data/types";
import { compact, exact } from "@/format/numbers";
import { day, hour, hourMinute, shortDay } from "@/format/time";
import { useSize } from "@/hooks/useSize";
import { useLanguage, useT } from "@/i18n/I18n";
import type { Language } from "@/i18n/translate";
import { ChartTable } from "../Chart/ChartTable";
import { countScale, labelStep } from "../Chart/scale";
import { Tooltip } from "../Chart/Tooltip";
import { ColourDot } from "../Dot/Dot";
import type { GapMarks } from "../GapMarks/GapMarks";
import "../Chart/Chart.css";

export interface Series {
  name: string;
  colour: string;
  values: readonly number[];
}

const MARGIN = { left: 34, right: 8, top: 16, bottom: 26 };

function timeOf(at: number, window: Window, language: Language): string {
  if (window === "30d") return shortDay(at, language);
  if (window === "7d") return `${shortDay(at, language)} ${hour(at, language)}`;
  return hourMinute(at);
}

/** Where labels stand: at full hours of a day, at days, or at minutes. */
function labels(starts: readonly number[], window: Window, width: number, language: Language) {
  const every = labelStep(starts.length, width, window === "24h" ? 46 : 64);
  return starts.flatMap((start, index) => {
    if (window === "24h") {
      const next = starts[index + 1] ?? start + WINDOW_MS["24h"] / 24;
      const full = Math.ceil(start / 36e5) * 36e5;
      const step = every <= 1 ? 1 : every <= 3 ? 3 : 6;
      const hours = new Date(full).getHours();
      if (full >= next || hours % step !== 0) return [];
      return [
        {
          at: index + (full - start) / (next - start),
          text: hours === 0 ? day(full, language) : hour(full, language),
        },
      ];
    }
    if (index % every !== 0) return [];
    return [{ at: index + 0.5, text: window === "1h" ? hourMinute(start) : shortDay(start, language) }];
  });
}

/** Columns of the window, stacked by keyword, or one line per keyword. */
export function OverviewChart({
  series,
  window,
  until,
  mode,
  table = false,
  gaps,
}: {
  series: readonly Series[];
  window: Window;
  until: string;
  mode: "stack" | "lines";
  table?: boolean;
  gaps?: GapMarks | undefined;
}) {
  const t = useT();
  const language = useLanguage();
  const [ref, { width, height }] = useSize<HTMLDivElement>();
  const [chosen, setActive] = useState<number | null>(null);
  const count = series[0]?.values.length ?? 24;
  // The next answer may have fewer columns.
  const active = chosen !== null && chosen < count ? chosen : null;
  const span = WINDOW_MS[window] / count;
  const starts = Array.from(
    { length: count },
    (_, index) => Date.parse(until) - WINDOW_MS[window] + index * span,
  );
  const totals = starts.map((_, index) => series.reduce((sum, { values }) => sum + (values[index] ?? 0), 0));
  const gapWords = (index: number) => gaps?.words(starts[index] ?? 0, (starts[index] ?? 0) + span);
  const label = (index: number) => timeOf(starts[index] ?? 0, window, language);
  if (table) {
    const columns = [
      { name: t("tip.all"), values: totals },
      ...series.map(({ name, values }) => ({ name, values })),
    ];
    return <ChartTable times={starts.map((_, index) => label(index))} columns={columns} note={gapWords} />;
  }
  const largest =
    mode === "stack" ? Math.max(...totals) : Math.max(...series.flatMap(({ values }) => values));
  const bottom = height - MARGIN.bottom;
  const { y, ticks } = countScale(largest, bottom, MARGIN.top);
  // Before the first measure there is no room at all.
  const column = Math.max(4, (width - MARGIN.left - MARGIN.right) / count);
  const gap = Math.max(2, column * 0.22);
  const x = (index: number) => MARGIN.left + index * column;
  const point = (event: PointerEvent<HTMLElement>) => {
    const box = event.currentTarget.getBoundingClientRect();
    const index = Math.floor((event.clientX - box.left - MARGIN.left) / column);
    setActive(index >= 0 && index < count ? index : null);
  };
  const keys = (event: KeyboardEvent) => {
    const step = event.shiftKey ? 10 : 1;
    const from = active ?? count - 1;
    const next = { ArrowLeft: from - step, ArrowRight: from + step, Home: 0, End: count - 1 }[event.key];
    if (event.key === "Escape") setActive(null);
    if (next === undefined) return;
    event.preventDefault();
    setActive(Math.min(count - 1, Math.max(0, next)));
  };
  const peak = totals.indexOf(Math.max(...totals));
  const total = totals.reduce((sum, value) => sum + value, 0);
  const summary = t("chart.summary", {
    from: label(0),
    to: label(count - 1),
    n: exact(total),
    peak: label(peak),
    max: exact(totals[peak] ?? 0),
    last: exact(totals.at(-1) ?? 0),
  });
  return (
    <div
      className="chart ov-chart"
      ref={ref}
      role="img"
      tabIndex={0}
      aria-label={summary}
      onKeyDown={keys}
      onBlur={() => setActive(null)}
      onPointerDown={point}
      onPointerMove={point}
      onPointerLeave={({ pointerType }) => {
        // A finger that is lifted leaves its value to be read.
        if (pointerType !== "touch") setActive(null);
      }}
      // The finger scrolls the page instead.
      onPointerCancel={() => setActive(null)}
    >
      {width > 0 && height > 0 ? (
        <svg viewBox={`0 0 ${width} ${height}`} aria-hidden="true">
          {active === null ? null : (
            <rect
              x={x(active)}
              y={MARGIN.top}
              width={column}
              height={bottom - MARGIN.top}
              fill="var(--t1)"
              opacity=".06"
            />
          )}
          {ticks.map((tick) => (
            <g key={tick}>
              <line
                className={tick ? "gridl" : "base"}
                x1={MARGIN.left}
                x2={width - MARGIN.right}
                y1={Math.round(y(tick)) + 0.5}
                y2={Math.round(y(tick)) + 0.5}
              />
              <text x={MARGIN.left - 8} y={y(tick) + 4} textAnchor="end">
                {compact(tick, language)}
              </text>
            </g>
          ))}
          {mode === "stack" ? (
            <Stack
              series={series}
              totals={totals}
              x={(index) => x(index) + gap / 2}
              y={y}
              width={column - gap}
              pale={window === "1h"}
            />
          ) : (
            series.map(({ name, colour, values }) => (
              <path
                key={name}
                d={values
                  .map(
                    (value, index) =>
                      `${index ? "L" : "M"}${(x(index) + column / 2).toFixed(1)} ${y(value).toFixed(1)}`,
                  )
                  .join("")}
                fill="none"
                stroke={colour}
                strokeWidth="1.75"
                strokeLinejoin="round"
              />
            ))
          )}
          {labels(starts, window, width, language).map(({ at, text }) => (
            <text
              key={text + at}
              x={Math.min(width - 20, Math.max(MARGIN.left + 8, x(at)))}
              y={height - 6}
              textAnchor="middle"
            >
              {text}
            </text>
          ))}
        </svg>
      ) : null}
      {gaps?.layer(
        starts[0] ?? 0,
        Date.parse(until),
        `${MARGIN.top}px ${MARGIN.right}px ${MARGIN.bottom}px ${MARGIN.left}px`,
      )}
      {active === null ? null : (
        <Tooltip x={x(active + 1) - 6} y={8} width={width}>
          <div className="m">
            {label(active)}–{hourMinute((starts[active] ?? 0) + span)}
          </div>
          <div className="r">
            <span>{t("tip.all")}</span>
            <b>{exact(totals[active] ?? 0)}</b>
          </div>
          {series.map(({ name, colour, values }) => (
            <div className="r" key={name}>
              <span>
                <ColourDot colour={colour} />
                {name}
              </span>
              <span>{exact(values[active] ?? 0)}</span>
            </div>
          ))}
          {gapWords(active)}
        </Tooltip>
      )}
      <span className="sr" aria-live="polite">
        {active === null ? "" : t("chart.point", { time: label(active), n: exact(totals[active] ?? 0) })}
        {active === null ? null : gapWords(active)}
      </span>
    </div>
  );
}

function Stack({
  series,
  totals,
  x,
  y,
  width,
  pale,
}: {
  series: readonly Series[];
  totals: readonly number[];
  x: (index: number) => number;
  y: (value: number) => number;
  width: number;
  /** Whether the last column is still being counted. */
  pale: boolean;
}) {
  return totals.map((_, index) => {
    let below = 0;
    const parts = series.filter(({ values }) => (values[index] ?? 0) > 0);
    return (
      <g key={index} opacity={pale && index === totals.length - 1 ? 0.55 : 0.92}>
        {parts.map(({ name, colour, values }, part) => {
          const value = values[index] ?? 0;
          const low = y(below);
          below += value;
          const top = y(below);
          const height = Math.max(0.75, low - top - (part ? 1 : 0));
          return (
            <rect
              key={name}
              x={x(index)}
              y={top}
              width={width}
              height={height}
              fill={colour}
              rx={part === parts.length - 1 ? 2 : 0}
            />
          );
        })}
      </g>
    );
  });
}
