/** Colours of a canvas, read from the tokens. Read again when the theme changes. */
export interface ChartTheme {
  grid: string;
  axis: string;
  base: string;
  baseline: string;
  rise: string;
  surface: string;
  tide: string;
  tideSoft: string;
  sunken: string;
  t3: string;
  font: string;
  areaTop: number;
  areaBottom: number;
}

export function chartTheme(element: Element): ChartTheme {
  const style = getComputedStyle(element);
  const read = (name: string) => style.getPropertyValue(name).trim();
  return {
    grid: read("--grid"),
    axis: read("--axis"),
    base: read("--border-strong"),
    baseline: read("--baseline"),
    rise: read("--rise"),
    surface: read("--surface"),
    tide: read("--tide"),
    tideSoft: read("--tide-soft"),
    sunken: read("--sunken"),
    t3: read("--t3"),
    // Few families: a long list makes each text on a canvas slow.
    font: '"Pretendard Variable", sans-serif',
    areaTop: Number(read("--area-top")) || 0.16,
    areaBottom: Number(read("--area-bottom")) || 0.01,
  };
}

/** The value of a token that may itself name one, such as the colour of a keyword. */
export function resolveColour(element: Element, colour: string): string {
  const name = /^var\((--[\w-]+)\)$/.exec(colour)?.[1];
  return name ? getComputedStyle(element).getPropertyValue(name).trim() : colour;
}

/** The same colour with another opacity. */
export const faded = (colour: string, alpha: number) =>
  `color-mix(in srgb, ${colour} ${alpha * 100}%, transparent)`;
