/** Smoothed 1-2-1, for places where only the shape counts. */
function smoothed(values: readonly number[]): number[] {
  return values.map((value, index) => {
    const before = values[index - 1] ?? value;
    const after = values[index + 1] ?? value;
    return (before + 2 * value + after) / 4;
  });
}

/** A small line without axes. The number beside it is its text. */
export function Sparkline({
  values,
  width,
  height,
  smooth = false,
  area = false,
}: {
  values: readonly number[];
  width: number;
  height: number;
  smooth?: boolean;
  area?: boolean;
}) {
  const shown = smooth ? smoothed(values) : values;
  const max = Math.max(...shown, 0);
  const pad = 1.5;
  const x = (index: number) => (shown.length < 2 ? 0 : (index / (shown.length - 1)) * width);
  const y = (value: number) => height - pad - (max === 0 ? 0 : (value / max) * (height - 2 * pad));
  const path = shown
    .map((value, index) => `${index ? "L" : "M"}${x(index).toFixed(1)} ${y(value).toFixed(1)}`)
    .join("");
  const flat = max === 0;
  return (
    <svg
      className="spark"
      width={width}
      height={height}
      viewBox={`0 0 ${width} ${height}`}
      aria-hidden="true"
      overflow="visible"
    >
      {area && !flat ? (
        <path d={`${path}L${width} ${height}L0 ${height}Z`} fill="currentColor" opacity=".13" />
      ) : null}
      <path
        d={path}
        fill="none"
        stroke={flat ? "var(--border-strong)" : "currentColor"}
        strokeDasharray={flat ? "2 3" : undefined}
        strokeWidth={smooth ? 1.3 : 1.4}
        strokeLinejoin="round"
        strokeLinecap="round"
      />
      {flat ? null : <circle cx={width} cy={y(shown.at(-1) ?? 0)} r="1.8" fill="currentColor" />}
    </svg>
  );
}
