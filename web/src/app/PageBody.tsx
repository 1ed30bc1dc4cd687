import type { ReactNode } from "react";
import { ConnectionBanner } from "./ConnectionBanner";

/** The content of a page below its bar. */
export function PageBody({ children, className }: { children: ReactNode; className?: string }) {
  return (
    <>
      <ConnectionBanner />
      <main id="main" className={className ? `page ${className}` : "page"} tabIndex={-1}>
        {children}
      </main>
    </>
  );
}
