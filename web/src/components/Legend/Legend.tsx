import type { MouseEvent } from "react";
import { ColourDot } from "../Dot/Dot";
import "../Chart/Chart.css";
import "./Legend.css";

type Names = readonly { name: string }[];
const NONE: ReadonlySet<string> = new Set();

/** A chart without a series says nothing: when all that are left of them are hidden, none is. */
const hiddenOf = (items: Names, hidden: ReadonlySet<string>) =>
  items.every(({ name }) => hidden.has(name)) ? NONE : hidden;

/** The series that a chart shows. */
export function shownOf<T extends { name: string }>(items: readonly T[], hidden: ReadonlySet<string>): T[] {
  const off = hiddenOf(items, hidden);
  return items.filter(({ name }) => !off.has(name));
}

/** The series of a chart. A click hides or shows one of them; with Alt it shows that one alone. */
export function Legend({
  label,
  items,
  hidden: asked,
  className = "",
  onChange,
}: {
  label: string;
  items: readonly { name: string; colour: string }[];
  hidden: ReadonlySet<string>;
  className?: string;
  onChange: (hidden: ReadonlySet<string>) => void;
}) {
  const hidden = hiddenOf(items, asked);
  const choose = (event: MouseEvent, name: string) => {
    const others = items.map((item) => item.name).filter((other) => other !== name);
    if (event.altKey) {
      const alone = !hidden.has(name) && others.every((other) => hidden.has(other));
      return onChange(new Set(alone ? [] : others));
    }
    const next = new Set(hidden);
    if (!next.delete(name)) next.add(name);
    onChange(hiddenOf(items, next));
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
