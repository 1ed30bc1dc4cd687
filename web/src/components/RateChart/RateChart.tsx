import { compact, exact } from "@/format/numbers";
import { clock, hourMinute } from "@/format/time";
import { useSize } from "@/hooks/useSize";
import { useLanguage } from "@/i18n/I18n";
import "../Chart/Chart.css";
import { countScale } from "../Chart/scale";

export interface Rate {
  at: number;
  value: number;
}

/** A rate over the last minutes, as it was polled. */
export function RateChart({
  rates,
  label,
  height = 150,
}: {
  rates: readonly Rate[];
  label: string;
  height?: number;
}) {
  const language = useLanguage();
  const [ref, { width }] = useSize<HTMLDivElement>();
  const left = 40;
  const bottom = height - 24;
  const { y, ticks } = countScale(Math.max(...rates.map(({ value }) => value), 1), bottom, 8);
  const first = rates[0]?.at ?? 0;
  const last = rates.at(-1)?.at ?? 0;
  const x = (at: number) => left + ((at - first) / Math.max(1, last - first)) * (width - left - 8);
  const path = rates
    .map(({ at, value }, index) => `${index ? "L" : "M"}${x(at).toFixed(1)} ${y(value).toFixed(1)}`)
    .join("");
  const marks = rates.length < 2 ? [] : [0, 1, 2, 3].map((part) => first + ((last - first) * part) / 3);
  const name = last - first < 600_000 ? clock : hourMinute;
  return (
    <div
      className="chart"
      ref={ref}
      style={{ height }}
      role="img"
      aria-label={`${label}: ${exact(Math.round(rates.at(-1)?.value ?? 0))}`}
    >
      {width > 0 ? (
        <svg viewBox={`0 0 ${width} ${height}`} aria-hidden="true">
          {ticks.map((tick) => (
            <g key={tick}>
              <line
                className={tick ? "gridl" : "base"}
                x1={left}
                x2={width - 8}
                y1={Math.round(y(tick)) + 0.5}
                y2={Math.round(y(tick)) + 0.5}
              />
              <text x={left - 8} y={y(tick) + 4} textAnchor="end">
                {compact(tick, language)}
              </text>
            </g>
          ))}
          {rates.length > 1 ? (
            <>
              <path
                d={`${path}L${x(last)} ${bottom}L${x(first)} ${bottom}Z`}
                fill="var(--tide-line)"
                opacity=".1"
              />
              <path
                d={path}
                fill="none"
                stroke="var(--tide-line)"
                strokeWidth="1.75"
                strokeLinejoin="round"
              />
            </>
          ) : null}
          {marks.map((at, index) => (
            <text
              key={at}
              x={x(at)}
              y={height - 6}
              textAnchor={index === 0 ? "start" : index === 3 ? "end" : "middle"}
            >
              {name(at)}
            </text>
          ))}
        </svg>
      ) : null}
    </div>
  );
}
