import type { Point, VolumeLine } from "../types";
import { type Position, positionOf, verdict } from "./position";

export interface VolumeState extends Position {
  /** Every bucket of the window, zeros too, oldest first. */
  points: readonly Point[];
  /** The end of the window. */
  until: string;
  total: number;
  partial: boolean;
}

const sum = (points: readonly Point[]) => points.reduce((total, point) => total + point.count, 0);

export function volume(state: VolumeState | undefined, line: VolumeLine): VolumeState | "gap" {
  const partial = line.more === true;
  if (line.type === "snapshot") {
    const points = state?.partial ? [...state.points, ...line.points] : line.points;
    return { ...positionOf(line), points, until: line.until, total: sum(points), partial };
  }
  const action = verdict(state, line);
  if (action === "gap" || !state) return "gap";
  if (action === "ignore") return state;
  const counts = new Map(state.points.map((point) => [point.at, point]));
  const last = state.points.at(-1)?.at ?? "";
  let entered = 0;
  for (const point of line.points) {
    const held = counts.get(point.at);
    if (held) counts.set(point.at, point);
    else if (point.at > last) {
      counts.set(point.at, point);
      entered += 1;
    }
  }
  const all = [...counts.values()];
  // A channel with a start of its own keeps its first bucket; any other drops as many as entered.
  const points = line.from === undefined ? all.slice(entered) : all;
  return { ...positionOf(line), points, until: line.until, total: sum(points), partial };
}
