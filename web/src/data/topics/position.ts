/** Where the state of a channel stands. */
export interface Position {
  epoch: string;
  seq: number;
  mark?: string | undefined;
}

interface Placed {
  type: string;
  epoch: string;
  seq: number;
  mark?: string;
  prev?: number;
}

/**
 * What the protocol says to do with a line, given the position of the state:
 * `same` is an update at the held sequence, whose content still has to be taken.
 */
export type Verdict = "replace" | "apply" | "same" | "ignore" | "gap";

export function verdict(held: Position | undefined, line: Placed): Verdict {
  if (line.type === "snapshot") return "replace";
  if (!held || held.epoch !== line.epoch) return "gap";
  if (line.seq < held.seq) return "ignore";
  if (line.seq === held.seq) return "same";
  return (line.prev ?? 0) <= held.seq ? "apply" : "gap";
}

export const positionOf = (line: Placed): Position => ({ epoch: line.epoch, seq: line.seq, mark: line.mark });
