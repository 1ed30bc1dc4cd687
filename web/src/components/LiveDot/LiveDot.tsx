import "./LiveDot.css";

export type LiveKind = "live" | "wait" | "stale" | "off";

/** The state of the connection as a dot. The text beside it says the same. */
export function LiveDot({ kind }: { kind: LiveKind }) {
  return <i className={kind === "live" ? "live" : `live ${kind}`} aria-hidden="true" />;
}
