import { type KeyboardEvent, type PointerEvent, useState } from "react";
import { STEP_MS, type Step } from "@/data/types";
import { compact, exact } from "@/format/numbers";
import { day, hour, hourMinute } from "@/format/time";
import { useSize } from "@/hooks/useSize";
import { useLanguage, useT } from "@/i18n/I18n";
import "../Chart/Chart.css";
import { ChartTable } from "../Chart/ChartTable";
import { countScale, labelStep } from "../Chart/scale";
import { Tooltip } from "../Chart/Tooltip";
import { ColourDot } from "../Dot/Dot";
import type { GapMarks } from "../GapMarks/GapMarks";
import { bucketText } from "../VolumeChart/bucket";
import { Mark } from "./Mark";
import { spread } from "./spread";

export interface CompareLine {
  name: string;
  colour: string;
  /** Place in the palette; decides mark and dash, so that colour never stands alone. */
  slot: number;
  values: readonly number[];
}

const LABEL_WIDTH = 104;
const NARROW = 520;
/** Slots from here on are dashed. */
const DASHED_FROM = 5;

/** Lines of several keywords, each named at its end. */
export function CompareChart({
  lines,
  times,
  step,
  unit = "",
  open,
  table = false,
  height = 304,
  gaps,
}: {
  lines: readonly CompareLine[];
  times: readonly number[];
  step: Step;
  /** Stands after a value: `%`, or nothing. */
  unit?: string;
  open: boolean;
  table?: boolean;
  height?: number;
  gaps?: GapMarks | undefined;
}) {
  const t = useT();
  const language = useLanguage();
  const [ref, { width }] = useSize<HTMLDivElement>();
  const [chosen, setActive] = useState<number | null>(null);
  // The next answer may have fewer points.
  const active = chosen !== null && chosen < times.length ? chosen : null;
  const texts = times.map((time) => bucketText(time, step, language));
  const gapWords = (index: number) => gaps?.words(times[index] ?? 0, (times[index] ?? 0) + STEP_MS[step]);
  const value = (number: number) => (unit ? `${number.toFixed(1)}${unit}` : exact(Math.round(number)));
  if (table)
    return (
      <ChartTable
        times={texts}
        columns={lines.map(({ name, values }) => ({
          name,
          values: values.map((each) => Math.round(each * 10) / 10),
        }))}
        height={height}
        note={gapWords}
      />
    );
  const wide = width >= NARROW;
  const left = 40;
  const right = width - (wide ? LABEL_WIDTH : 14);
  const bottom = height - 26;
  const { y, ticks } = countScale(Math.max(...lines.flatMap(({ values }) => values), 1), bottom, 14);
  const last = times.length - 1;
  const x = (index: number) => left + (last <= 0 ? 0 : (index / last) * (right - left));
  const path = (values: readonly number[], from: number, to: number) =>
    values
      .slice(from, to)
      .map((each, index) => `${index ? "L" : "M"}${x(from + index).toFixed(1)} ${y(each).toFixed(1)}`)
      .join("");
  const every = labelStep(times.length, right - left, 70);
  const ends = spread(
    lines.map((line) => ({ line, y: y(line.values.at(-1) ?? 0) })),
    17,
    8,
    bottom,
  );
  const point = (event: PointerEvent<HTMLElement>) => {
    const box = event.currentTarget.getBoundingClientRect();
    const index = Math.round(((event.clientX - box.left - left) / Math.max(1, right - left)) * last);
    setActive(index >= 0 && index <= last ? index : null);
  };
  const keys = (event: KeyboardEvent) => {
    const from = active ?? last;
    const by = event.shiftKey ? 10 : 1;
    const next = { ArrowLeft: from - by, ArrowRight: from + by, Home: 0, End: last }[event.key];
    if (event.key === "Escape") setActive(null);
    if (next === undefined) return;
    event.preventDefault();
    setActive(Math.min(last, Math.max(0, next)));
  };
  const spoken = (index: number) =>
    `${texts[index] ?? ""}: ${lines.map(({ name, values }) => `${name} ${value(values[index] ?? 0)}`).join(", ")}`;
  return (
    <div
      className="chart"
      ref={ref}
      style={{ height }}
      role="img"
      tabIndex={0}
      aria-label={spoken(last)}
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
      {width > 0 ? (
        <svg viewBox={`0 0 ${width} ${height}`} aria-hidden="true">
          {step === "day"
            ? times.map((time, index) =>
                [0, 6].includes(new Date(time).getDay()) ? (
                  <rect
                    key={time}
                    x={Math.max(left, x(index - 0.5))}
                    y={14}
                    width={Math.max(0, Math.min(right, x(index + 0.5)) - Math.max(left, x(index - 0.5)))}
                    height={bottom - 14}
                    fill="var(--sunken)"
                  />
                ) : null,
              )
            : null}
          {ticks.map((tick) => (
            <g key={tick}>
              <line
                className={tick ? "gridl" : "base"}
                x1={left}
                x2={right}
                y1={Math.round(y(tick)) + 0.5}
                y2={Math.round(y(tick)) + 0.5}
              />
              <text x={left - 8} y={y(tick) + 4} textAnchor="end">
                {compact(tick, language)}
              </text>
            </g>
          ))}
          {times.map((time, index) =>
            index % every === 0 && (index === last || last - index >= every * 0.6) ? (
              <text key={time} x={x(index)} y={height - 6} textAnchor={index === 0 ? "start" : "middle"}>
                {step === "minute"
                  ? hourMinute(time)
                  : step === "hour" && last <= 30
                    ? hour(time, language)
                    : day(time, language)}
              </text>
            ) : null,
          )}
          {active === null ? null : (
            <line className="cross" x1={x(active)} x2={x(active)} y1={14} y2={bottom} />
          )}
          {lines.map(({ name, colour, slot, values }) => {
            const closed = open ? values.length - 1 : values.length;
            return (
              <g key={name} fill="none" strokeLinejoin="round" strokeLinecap="round">
                <path
                  d={path(values, 0, values.length)}
                  stroke="var(--surface)"
                  strokeWidth="5"
                  opacity=".7"
                />
                <path
                  d={path(values, 0, closed)}
                  stroke={colour}
                  strokeWidth="2"
                  strokeDasharray={slot >= DASHED_FROM ? "6 3" : undefined}
                />
                {open ? (
                  <path
                    d={path(values, values.length - 2, values.length)}
                    stroke={colour}
                    strokeWidth="2"
                    strokeDasharray="1 4"
                  />
                ) : null}
                <Mark slot={slot} x={x(last)} y={y(values.at(-1) ?? 0)} colour={colour} />
                {active === null ? null : (
                  <circle
                    cx={x(active)}
                    cy={y(values[active] ?? 0)}
                    r="4"
                    fill={colour}
                    stroke="var(--surface)"
                    strokeWidth="2"
                  />
                )}
              </g>
            );
          })}
          {wide
            ? ends.map(({ line, y: at }) => (
                <text key={line.name} className="end-label" x={right + 12} y={at + 4.5}>
                  {line.name.length > 8 ? `${line.name.slice(0, 7)}…` : line.name}{" "}
                  <tspan>{value(line.values.at(-1) ?? 0)}</tspan>
                </text>
              ))
            : null}
        </svg>
      ) : null}
      {gaps?.layer(
        // A bucket is drawn around its start, and half of the first and of the last one are not drawn.
        (times[0] ?? 0) + STEP_MS[step] / 2,
        (times[last] ?? 0) + STEP_MS[step] / 2,
        `14px ${width - right}px 26px ${left}px`,
      )}
      {active === null ? null : (
        <Tooltip x={x(active)} y={20} width={width}>
          <div className="m">
            {texts[active]}
            {open && active === last ? ` · ${t("k.partial")}` : ""}
          </div>
          {[...lines]
            .sort((a, b) => (b.values[active] ?? 0) - (a.values[active] ?? 0))
            .map(({ name, colour, values }) => (
              <div className="r" key={name}>
                <span>
                  <ColourDot colour={colour} />
                  {name}
                </span>
                <b>{value(values[active] ?? 0)}</b>
              </div>
            ))}
          {gapWords(active)}
        </Tooltip>
      )}
      <span className="sr" aria-live="polite">
        {active === null ? "" : spoken(active)}
        {active === null ? null : gapWords(active)}
      </span>
    </div>
  );
}
