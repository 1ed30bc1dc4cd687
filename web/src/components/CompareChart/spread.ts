/**
 * Moves labels apart until each has its room, in the order of their heights, within the chart. Labels in each other's way
 * become a block around the mean of their places. With too many labels all of them get less room.
 */
export function spread<T extends { y: number }>(
  labels: readonly T[],
  room: number,
  top: number,
  bottom: number,
): T[] {
  const sorted = labels.map((label) => ({ ...label })).sort((a, b) => a.y - b.y);
  const step = Math.min(room, (bottom - top) / Math.max(1, sorted.length - 1));
  // Without the room of the labels above it, each label only must not stand above the one before.
  const blocks: { sum: number; count: number }[] = [];
  for (const [index, { y }] of sorted.entries()) {
    let block = { sum: y - index * step, count: 1 };
    for (let before = blocks.at(-1); before; before = blocks.at(-1)) {
      if (before.sum / before.count <= block.sum / block.count) break;
      block = { sum: before.sum + block.sum, count: before.count + block.count };
      blocks.pop();
    }
    blocks.push(block);
  }
  const lowest = bottom - (sorted.length - 1) * step;
  const starts = blocks.flatMap(({ sum, count }) =>
    Array<number>(count).fill(Math.min(lowest, Math.max(top, sum / count))),
  );
  return sorted.map((label, index) => ({ ...label, y: (starts[index] ?? top) + index * step }));
}
