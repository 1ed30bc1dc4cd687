export interface Sample {
  at: number;
  received: number;
}

/** Long enough for several reports, so that one that comes late does not look like silence. */
const KEPT_MS = 30_000;

/** Adds what a report says to what earlier ones said. A source whose state folder is new counts from zero. */
export function addSample(held: readonly Sample[], sample: Sample): readonly Sample[] {
  const last = held.at(-1);
  if (last && sample.at <= last.at) return held;
  if (last && sample.received < last.received) return [sample];
  return [...held.filter(({ at }) => at >= sample.at - KEPT_MS), sample];
}

/** Records a second from the first to the last report that is held, once there are two. */
export function perSecond(held: readonly Sample[]): number | undefined {
  const [first, last] = [held[0], held.at(-1)];
  if (!first || !last || last.at === first.at) return undefined;
  return ((last.received - first.received) / (last.at - first.at)) * 1_000;
}
