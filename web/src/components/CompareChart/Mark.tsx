/** ● ◆ ■ ▲ ▼, then the same hollow: the shape that belongs to a slot of the palette. */
export function Mark({ slot, x, y, colour }: { slot: number; x: number; y: number; colour: string }) {
  const hollow = slot >= 5;
  const paint = { fill: hollow ? "var(--surface)" : colour, stroke: colour, strokeWidth: hollow ? 2 : 0 };
  switch (slot % 5) {
    case 0:
      return <circle cx={x} cy={y} r="4" {...paint} />;
    case 1:
      return <path d={`M${x} ${y - 5}l5 5-5 5-5-5z`} {...paint} />;
    case 2:
      return <path d={`M${x - 4} ${y - 4}h8v8h-8z`} {...paint} />;
    case 3:
      return <path d={`M${x} ${y - 5}l5 9h-10z`} {...paint} />;
    default:
      return <path d={`M${x} ${y + 5}l5-9h-10z`} {...paint} />;
  }
}
