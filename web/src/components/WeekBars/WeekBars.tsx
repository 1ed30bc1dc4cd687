import { compact, exact } from "@/format/numbers";
import { useSize } from "@/hooks/useSize";
import { useLanguage } from "@/i18n/I18n";
import "../Chart/Chart.css";
import { countScale } from "../Chart/scale";

/** A letter of a label takes about so much; a stretch that does not fit is named by its start. */
const LETTER_PX = 6.4;

export interface BarGroup {
  name: string;
  bars: readonly { name: string; colour: string; count: number }[];
}

/** Groups of columns side by side. */
export function WeekBars({ groups, label }: { groups: readonly BarGroup[]; label: string }) {
  const language = useLanguage();
  const [ref, { width, height }] = useSize<HTMLDivElement>();
  const left = 40;
  const bottom = height - 24;
  const { y, ticks } = countScale(
    Math.max(...groups.flatMap(({ bars }) => bars.map(({ count }) => count)), 1),
    bottom,
    18,
  );
  const group = (width - left - 8) / Math.max(1, groups.length);
  const summary = groups
    .map(({ name, bars }) => `${name}: ${bars.map((bar) => `${bar.name} ${exact(bar.count)}`).join(", ")}`)
    .join("; ");
  return (
    <div className="chart week-bars" ref={ref} role="img" aria-label={`${label}. ${summary}`}>
      {width > 0 && height > 0 ? (
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
          {groups.map(({ name, bars }, index) => {
            const bar = Math.min(40, (group * 0.76) / Math.max(1, bars.length));
            const centre = left + group * (index + 0.5);
            return (
              <g key={name}>
                {bars.map(({ name: keyword, colour, count }, place) => {
                  const x = centre - (bar * bars.length) / 2 + place * bar;
                  return (
                    <g key={keyword}>
                      <rect
                        x={x + 1.5}
                        y={y(count)}
                        width={Math.max(1, bar - 3)}
                        height={Math.max(0, bottom - y(count))}
                        rx="2"
                        fill={colour}
                      />
                      {bar > 26 ? (
                        <text x={x + bar / 2} y={y(count) - 5} textAnchor="middle">
                          {compact(count, language)}
                        </text>
                      ) : null}
                    </g>
                  );
                })}
                <text x={centre} y={height - 6} textAnchor="middle">
                  {name.length * LETTER_PX < group ? name : name.split("–")[0]}
                </text>
              </g>
            );
          })}
        </svg>
      ) : null}
    </div>
  );
}
