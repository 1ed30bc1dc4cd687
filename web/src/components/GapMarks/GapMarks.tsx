import { type CSSProperties, memo, type ReactNode } from "react";
import type { NamedGap } from "@/data/sources";
import { dayAndTime } from "@/format/time";
import { useSize } from "@/hooks/useSize";
import { useLanguage, useT } from "@/i18n/I18n";
import { bands, hatch, type Level, type TimedGap, timed, within } from "./bands";
import "@/i18n/gaps";
import "./GapMarks.css";

/** More causes of one bucket are counted, not named. */
const MAX_NAMED = 3;
/** The list below a chart names so many gaps, the newest first. */
const MAX_LISTED = 50;
const STEP_PX: Record<Level, number> = { filled: 8, open: 8, lost: 6 };

/**
 * The marks that a chart shows for gaps of sources. Each is an element: bands over a plot, words about a bucket, and a
 * list below the chart. A stretch without a gap has no words and no list.
 */
export interface GapMarks {
  /** Bands over the plot. `inset` is the distance of the plot from the edges of the chart. */
  layer: (from: number, to: number, inset: string) => ReactNode;
  words: (from: number, to: number) => ReactNode;
  list: (from: number, to: number) => ReactNode;
}

export function gapMarks(gaps: readonly NamedGap[]): GapMarks {
  const all = gaps.map(timed);
  return {
    layer: (from, to, inset) => <GapLayer gaps={all} from={from} to={to} inset={inset} />,
    words: (from, to) => <GapWords gaps={all} from={from} to={to} />,
    list: (from, to) => <GapList gaps={all} from={from} to={to} />,
  };
}

interface Props {
  gaps: readonly TimedGap[];
  from: number;
  to: number;
}

const GapLayer = memo(function GapLayer({ gaps, from, to, inset }: Props & { inset: string }) {
  const [ref, { width, height }] = useSize<HTMLDivElement>();
  return (
    <div className="gap-layer" style={{ inset } satisfies CSSProperties} ref={ref}>
      {width > 0 && height > 0 ? (
        <svg viewBox={`0 0 ${width} ${height}`} preserveAspectRatio="none" aria-hidden="true">
          {bands(gaps, from, to, width).map(({ level, left, right }) => (
            <g key={`${level} ${left}`} className={`gap-${level}`}>
              {level === "filled" ? null : (
                <rect className="gap-veil" x={left} y="0" width={right - left} height={height} />
              )}
              <path d={hatch(left, right, height, STEP_PX[level])} fill="none" />
              {level === "lost" ? <path d={`M${left} 0V${height}M${right} 0V${height}`} fill="none" /> : null}
            </g>
          ))}
        </svg>
      ) : null}
    </div>
  );
});

/** What a gap is: its source, its cause and what became of it. */
function useGapText() {
  const t = useT();
  return ({ source, cause, state }: NamedGap) =>
    t("gap.line", { source, cause: t(`gap.cause.${cause}`), state: t(`gap.state.${state}`) });
}

function GapWords({ gaps, from, to }: Props) {
  const t = useT();
  const text = useGapText();
  const lines = [...new Set(within(gaps, from, to).map(text))];
  if (lines.length === 0) return null;
  const more = lines.length - MAX_NAMED;
  return (
    <span className="gap-words">
      <span className="sr">. </span>
      <span className="gap-t">
        <Swatch level="open" />
        {t("gap.title")}
      </span>
      {lines.slice(0, MAX_NAMED).map((line) => (
        <span key={line}>
          <span className="sr">, </span>
          {line}
        </span>
      ))}
      {more > 0 ? <span>+{more}</span> : null}
    </span>
  );
}

function GapList({ gaps, from, to }: Props) {
  const t = useT();
  const language = useLanguage();
  const text = useGapText();
  const shown = within(gaps, from, to).sort((a, b) => b.start - a.start);
  if (shown.length === 0) return null;
  const lost = shown.filter(({ state }) => state === "lost").length;
  const listed = shown.slice(0, MAX_LISTED);
  return (
    <details className="gap-list">
      <summary>
        <Swatch level={lost > 0 ? "lost" : "open"} />
        {t("gap.some", { n: shown.length })}
        {lost > 0 ? <b> · {t("gap.lost", { n: lost })}</b> : null}
      </summary>
      <ul>
        {listed.map((gap) => (
          <li key={`${gap.source} ${gap.gap}`}>
            <span className="n">
              {t("gap.range", {
                from: dayAndTime(gap.start, language),
                to: gap.to === null ? t("gap.now") : dayAndTime(gap.end, language),
              })}
            </span>{" "}
            {text(gap)}
          </li>
        ))}
        {listed.length < shown.length ? <li>+{shown.length - listed.length}</li> : null}
      </ul>
    </details>
  );
}

/** The pattern of a gap, for a legend. */
function Swatch({ level }: { level: Level }) {
  return (
    <svg className={`gap-swatch gap-${level}`} viewBox="0 0 14 10" aria-hidden="true">
      <path d={hatch(0, 14, 10, 5)} fill="none" />
      <path d="M.5 .5H13.5V9.5H.5Z" fill="none" />
    </svg>
  );
}
