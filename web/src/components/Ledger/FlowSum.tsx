import type { ReactNode } from "react";
import { exact } from "@/format/numbers";
import { ColourDot } from "../Dot/Dot";
import "./Ledger.css";

export interface SumPart {
  name: string;
  colour: string;
  value: number;
}

/** A total as the sum of its parts: a bar, each part with its name and colour, and the total below them. */
export function FlowSum({
  parts,
  total,
  totalName,
  check,
}: {
  parts: readonly SumPart[];
  total: number;
  totalName: string;
  /** Stands after the total. */
  check: ReactNode;
}) {
  return (
    <>
      <div className="flow" aria-hidden="true">
        {parts.map(({ name, colour, value }) => (
          // A part that exists is never too thin to be seen.
          <i key={name} style={{ flex: value > 0 ? Math.max(value, total / 60) : 0, background: colour }} />
        ))}
      </div>
      <dl>
        {parts.map(({ name, colour, value }) => (
          <div className="led-row" key={name}>
            <dt>
              <ColourDot colour={colour} />
              {name}
            </dt>
            <dd>{exact(value)}</dd>
          </div>
        ))}
        <div className="led-row">
          <dt className="tot">{totalName}</dt>
          <dd className="tot">
            {exact(total)} {check}
          </dd>
        </div>
      </dl>
    </>
  );
}
