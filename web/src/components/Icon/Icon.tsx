import { type IconName, shapes } from "./shapes";

/** Decoration beside a text or inside a named control, so it has no name of its own. */
export function Icon({ name, size = "m" }: { name: IconName; size?: "s" | "m" | "l" }) {
  return (
    <svg className={size === "m" ? "i" : `i ${size}`} viewBox="0 0 16 16" aria-hidden="true">
      {shapes[name]}
    </svg>
  );
}
