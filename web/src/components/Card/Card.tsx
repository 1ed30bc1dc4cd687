import { type ReactNode, useId } from "react";
import "./Card.css";

/** A titled panel. `flush` lets the content reach the edges. */
export function Card({
  title,
  sub,
  actions,
  legend,
  children,
  className = "",
  flush = false,
  footer,
  headless = false,
}: {
  title: ReactNode;
  sub?: ReactNode;
  actions?: ReactNode;
  legend?: ReactNode;
  children: ReactNode;
  className?: string;
  flush?: boolean;
  footer?: ReactNode;
  /** Without a border of its own, inside another card. */
  headless?: boolean;
}) {
  const id = useId();
  const classes = [headless ? "card-in" : "card", flush ? "flush" : "", className].filter(Boolean).join(" ");
  return (
    <section className={classes} aria-labelledby={id}>
      <header className="card-h">
        <h2 id={id}>{title}</h2>
        {sub ? <span className="sub">{sub}</span> : null}
        {legend}
        <span className="grow" />
        {actions}
      </header>
      <div className="card-b">{children}</div>
      {footer}
    </section>
  );
}
