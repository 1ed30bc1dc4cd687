import { useEffect, useLayoutEffect, useRef, useState } from "react";
import { flushSync } from "react-dom";
import uPlot from "uplot";
import "uplot/dist/uPlot.min.css";
import "./UPlot.css";
import { useSize } from "@/hooks/useSize";

/** Whether the page is about to be printed. */
let printing = false;

/** Counts how often the theme has changed, so that a chart reads its colours again. */
function useThemeVersion(): number {
  const [version, setVersion] = useState(0);
  useEffect(() => {
    const observer = new MutationObserver(() => setVersion((now) => now + 1));
    observer.observe(document.documentElement, { attributes: true, attributeFilter: ["data-theme", "lang"] });
    // The page is printed right after this event.
    const print = () => {
      printing = true;
      flushSync(() => setVersion((now) => now + 1));
      printing = false;
    };
    addEventListener("beforeprint", print);
    return () => {
      observer.disconnect();
      removeEventListener("beforeprint", print);
    };
  }, []);
  return version;
}

/** Text on a canvas is slow, and a count that changes more often than this cannot be read. */
const DRAWN_EVERY_MS = 250;

/**
 * uPlot in React. A change of `version`, size or theme makes a new chart; anything else only gives it new
 * numbers.
 */
export function UPlot({
  data,
  version,
  options,
  onPlot,
}: {
  data: uPlot.AlignedData;
  /** Stands for everything in the options but the size. */
  version: string;
  options: (element: HTMLElement, width: number, height: number) => uPlot.Options;
  onPlot?: (plot: uPlot | null) => void;
}) {
  const [ref, { width, height }] = useSize<HTMLDivElement>();
  const theme = useThemeVersion();
  const plot = useRef<uPlot | null>(null);
  const latest = useRef({ data, options, onPlot });
  latest.current = { data, options, onPlot };
  const drawnAt = useRef(0);
  const ready = width > 0 && height > 0;

  // biome-ignore lint/correctness/useExhaustiveDependencies: version and theme stand for the options.
  useLayoutEffect(() => {
    const element = ref.current;
    if (!element || !ready) return;
    const made = new uPlot(latest.current.options(element, width, height), latest.current.data, element);
    // A new chart draws itself in a microtask, which comes after the print when a script has asked for it.
    if (printing) made.batch(() => undefined);
    plot.current = made;
    latest.current.onPlot?.(made);
    return () => {
      plot.current = null;
      latest.current.onPlot?.(null);
      made.destroy();
    };
  }, [version, theme, ready]);

  useLayoutEffect(() => {
    if (ready) plot.current?.setSize({ width, height });
  }, [width, height, ready]);

  // biome-ignore lint/correctness/useExhaustiveDependencies: the newest data is read when it is drawn.
  useLayoutEffect(() => {
    const draw = () => {
      drawnAt.current = performance.now();
      plot.current?.setData(latest.current.data);
    };
    // Always in a task of its own: together with React's it would be a long one.
    const timer = setTimeout(draw, Math.max(0, drawnAt.current + DRAWN_EVERY_MS - performance.now()));
    return () => clearTimeout(timer);
  }, [data]);

  return <div className="uplot-box" ref={ref} />;
}
