import { arc, pie } from "d3-shape";
import { exact, shareText } from "@/format/numbers";
import { useT } from "@/i18n/I18n";
import { ColourDot } from "../Dot/Dot";
import "./Donut.css";

export interface Slice {
  name: string;
  colour: string;
  count: number;
  again?: boolean;
}

const SIZE = 148;
const layout = pie<Slice>()
  .value(({ count }) => count)
  .sort(null);
const ring = arc<{ startAngle: number; endAngle: number }>()
  .innerRadius(46)
  .outerRadius(72)
  .cornerRadius(1.5);

/** Shares of a whole, largest from twelve o'clock on. The list beside it is the content; the ring repeats it. */
export function Donut({ slices, total }: { slices: readonly Slice[]; total: number }) {
  const t = useT();
  const shown = total > 0 ? layout([...slices]) : [];
  return (
    <div className="donut">
      <div className="ring">
        <svg viewBox={`0 0 ${SIZE} ${SIZE}`} aria-hidden="true">
          <g transform={`translate(${SIZE / 2} ${SIZE / 2})`}>
            {shown.length === 0 ? <circle r="59" fill="none" stroke="var(--grid)" strokeWidth="26" /> : null}
            {shown.map((slice) => (
              <path
                key={slice.data.name}
                d={ring(slice) ?? ""}
                fill={slice.data.colour}
                stroke="var(--surface)"
                strokeWidth="1.5"
              />
            ))}
          </g>
        </svg>
        <div className="mid">
          <b className={total >= 10_000 ? "long" : undefined}>{exact(total)}</b>
          <span>{t("col.tweets")}</span>
        </div>
      </div>
      <ul className="shares">
        {slices.map(({ name, colour, count, again }) => (
          <li key={name}>
            <ColourDot colour={colour} again={again ?? false} />
            <span className="ell" title={name}>
              {name}
            </span>
            <span className="v">{shareText(total > 0 ? count / total : 0)}</span>
          </li>
        ))}
      </ul>
    </div>
  );
}
