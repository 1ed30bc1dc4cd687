/** Steps of the lines of a chart: 1, 2, 2.5 or 5 times a power of ten, but never less than one tweet. */
function lineStep(max: number): number {
  const rough = max / 4;
  const power = 10 ** Math.floor(Math.log10(rough));
  const factor = rough / power;
  const nice = factor <= 1 ? 1 : factor <= 2 ? 2 : factor <= 2.5 ? 2.5 : factor <= 5 ? 5 : 10;
  return Math.max(1, power < 10 && nice === 2.5 ? 3 * power : nice * power);
}

/** A scale of counts from zero to a round number at or above the largest, with three to five lines. */
export function countScale(largest: number, from: number, to: number) {
  const step = lineStep(Math.max(largest, 1));
  const max = Math.ceil(Math.max(largest, 1) / step) * step;
  const ticks = Array.from({ length: Math.round(max / step) + 1 }, (_, index) => index * step);
  return { max, ticks, y: (value: number) => from + (value / max) * (to - from) };
}

/** The longest step between labels that leaves each of them some room. */
export function labelStep(count: number, width: number, room: number): number {
  const fitting = Math.max(1, Math.floor(width / room));
  return Math.max(1, Math.ceil(count / fitting));
}
