import type { ReactNode } from "react";
import { ConnectionBanner } from "./ConnectionBanner";
import { useAsOfState } from "./PageBar";

const OLD = new Set(["stale", "reconnecting", "offline"]);

/** The content of a page below its bar. */
export function PageBody({ children, className }: { children: ReactNode; className?: string }) {
  const stale = OLD.has(useAsOfState(false));
  const classes = ["page", className, stale ? "stale" : ""].filter(Boolean).join(" ");
  return (
    <>
      <ConnectionBanner />
      <main id="main" className={classes} tabIndex={-1}>
        {children}
      </main>
    </>
  );
}
