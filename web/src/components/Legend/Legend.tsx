import type { MouseEvent } from "react";
import { ColourDot } from "../Dot/Dot";
import "../Chart/Chart.css";
import "./Legend.css";

/** The series of a chart. A click hides or shows one of them; with Alt it shows that one alone. */
export function Legend({
  label,
  items,
  hidden,
  className = "",
  onChange,
}: {
  label: string;
  items: readonly { name: string; colour: string }[];
  hidden: ReadonlySet<string>;
  className?: string;
  onChange: (hidden: ReadonlySet<string>) => void;
}) {
  const choose = (event: MouseEvent, name: string) => {
    const others = items.map((item) => item.name).filter((other) => other !== name);
    if (event.altKey) {
      const alone = !hidden.has(name) && others.every((other) => hidden.has(other));
      return onChange(new Set(alone ? [] : others));
    }
    const next = new Set(hidden);
    if (!next.delete(name)) next.add(name);
    // A chart without a series says nothing.
    onChange(items.every((item) => next.has(item.name)) ? new Set() : next);
  };
  return (
    <ul className={`legend ${className}`} aria-label={label}>
      {items.map(({ name, colour }) => (
        <li key={name}>
          <button
            type="button"
            aria-pressed={!hidden.has(name)}
            title={name}
            onClick={(event) => choose(event, name)}
          >
            <ColourDot colour={colour} again={hidden.has(name)} />
            <span>{name}</span>
          </button>
        </li>
      ))}
    </ul>
  );
}
