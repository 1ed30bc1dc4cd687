import type { ReactNode } from "react";
import { type Change, exact } from "@/format/numbers";
import { Delta } from "../Delta/Delta";
import "./Stat.css";

/** A figure with its unit, its change, and what it is compared with. Swapped, never rolled. */
export function Stat({
  value,
  unit,
  change,
  compared,
}: {
  value: number;
  unit?: string;
  change?: Change;
  compared?: ReactNode;
}) {
  return (
    <div className="stat">
      <span className="v">
        {exact(value)}
        {unit ? <span className="u">{unit}</span> : null}
      </span>
      {change ? <Delta change={change} /> : null}
      {compared ? <span className="t3 stat-c">{compared}</span> : null}
    </div>
  );
}
