/** Moves labels apart until each has its room, in the order of their heights, within the chart. */
export function spread<T extends { y: number }>(
  labels: readonly T[],
  room: number,
  top: number,
  bottom: number,
): T[] {
  const sorted = labels.map((label) => ({ ...label })).sort((a, b) => a.y - b.y);
  for (let round = 0; round < 40; round += 1) {
    for (let i = 1; i < sorted.length; i += 1) {
      const above = sorted[i - 1];
      const below = sorted[i];
      if (!above || !below) continue;
      const overlap = room - (below.y - above.y);
      if (overlap > 0) {
        above.y -= overlap / 2;
        below.y += overlap / 2;
      }
    }
    for (const label of sorted) label.y = Math.min(bottom, Math.max(top, label.y));
  }
  return sorted;
}
