import { useEffect, useState } from "react";
import { useT } from "@/i18n/I18n";
import "./Skeleton.css";

/** Loading shows the shape of the thing, and only when it takes longer than a glance. */
const SHOWN_AFTER_MS = 200;

export function Skeleton({ lines = 3, height }: { lines?: number; height?: number }) {
  const t = useT();
  const [shown, setShown] = useState(false);
  useEffect(() => {
    const timer = setTimeout(() => setShown(true), SHOWN_AFTER_MS);
    return () => clearTimeout(timer);
  }, []);
  return (
    <div
      className="skel-box"
      role="status"
      style={{ minHeight: height, visibility: shown ? "visible" : "hidden" }}
    >
      <span className="sr">{t("loading")}</span>
      {height ? (
        <span className="skel" style={{ height }} />
      ) : (
        Array.from({ length: lines }, (_, line) => (
          <span key={line} className="skel" style={{ height: 12, width: `${92 - ((line * 17) % 45)}%` }} />
        ))
      )}
    </div>
  );
}
