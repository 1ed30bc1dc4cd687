import { scaleLinear } from "d3-scale";

/** A scale from zero to a round number at or above the largest value, with three to five lines. */
export function countScale(max: number, from: number, to: number) {
  const scale = scaleLinear()
    .domain([0, Math.max(max, 1)])
    .range([from, to])
    .nice(4);
  const ticks = scale.ticks(4).filter((tick) => Number.isInteger(tick));
  return { y: scale, ticks };
}

/** The longest step between labels that leaves each of them some room. */
export function labelStep(count: number, width: number, room: number): number {
  const fitting = Math.max(1, Math.floor(width / room));
  return Math.max(1, Math.ceil(count / fitting));
}
