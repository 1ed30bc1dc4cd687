/** Delays of reconnecting: 1 to 30 seconds, doubled each time, with jitter so that clients spread out. */
export const FIRST_DELAY_MS = 1_000;
export const MAX_DELAY_MS = 30_000;

export function delay(attempt: number, random: () => number = Math.random): number {
  const ceiling = Math.min(MAX_DELAY_MS, FIRST_DELAY_MS * 2 ** attempt);
  return Math.round(ceiling * (0.5 + random() / 2));
}

/** The time that a restarting server asks for, if its close reason names one. */
export function hinted(reason: string): number | undefined {
  try {
    const value: unknown = JSON.parse(reason);
    const hint = (value as { retry_ms?: unknown } | null)?.retry_ms;
    return typeof hint === "number" && hint >= 0 ? Math.min(hint, MAX_DELAY_MS) : undefined;
  } catch {
    return undefined;
  }
}
