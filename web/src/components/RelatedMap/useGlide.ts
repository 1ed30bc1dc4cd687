import { type RefObject, useLayoutEffect, useRef } from "react";

/** As long as other moves of this interface. */
const GLIDE_MS = 260;

interface Point {
  x: number;
  y: number;
}

/** Slows down towards the end, as things that come to rest do. */
const eased = (part: number) => 1 - (1 - part) ** 3;

const between = (from: Point, to: Point, part: number): Point => ({
  x: from.x + (to.x - from.x) * part,
  y: from.y + (to.y - from.y) * part,
});

function draw(svg: SVGSVGElement, at: ReadonlyMap<string, Point>): void {
  for (const node of svg.querySelectorAll<SVGGElement>("g[data-word]")) {
    const point = at.get(node.dataset.word ?? "");
    if (point) node.setAttribute("transform", `translate(${point.x} ${point.y})`);
  }
  for (const line of svg.querySelectorAll<SVGLineElement>("line[data-a]")) {
    const from = at.get(line.dataset.a ?? "");
    const to = at.get(line.dataset.b ?? "");
    if (!from || !to) continue;
    line.setAttribute("x1", String(from.x));
    line.setAttribute("y1", String(from.y));
    line.setAttribute("x2", String(to.x));
    line.setAttribute("y2", String(to.y));
  }
}

/**
 * Moves the words of the map from where they are seen to their new places. React has drawn the new places already;
 * the frames in between are written past it. Under reduced motion and in a hidden page the words are placed at once.
 */
export function useGlide(ref: RefObject<SVGSVGElement | null>, places: ReadonlyMap<string, Point>): void {
  const seen = useRef<ReadonlyMap<string, Point>>(new Map());
  useLayoutEffect(() => {
    const svg = ref.current;
    const from = seen.current;
    const still = matchMedia("(prefers-reduced-motion: reduce)").matches || document.hidden;
    const moves = [...places].some(([word, { x, y }]) => {
      const before = from.get(word);
      return before !== undefined && (before.x !== x || before.y !== y);
    });
    if (!svg || still || !moves) {
      // A glide that was cut short has left words halfway, and React does not know of it.
      if (svg && still) draw(svg, places);
      seen.current = places;
      return;
    }
    const started = performance.now();
    let frame = 0;
    const step = (now: number) => {
      const part = Math.min(1, Math.max(0, (now - started) / GLIDE_MS));
      const at = new Map(
        [...places].map(([word, to]) => [word, between(from.get(word) ?? to, to, eased(part))]),
      );
      seen.current = at;
      draw(svg, at);
      if (part < 1) frame = requestAnimationFrame(step);
    };
    step(started);
    return () => cancelAnimationFrame(frame);
  }, [ref, places]);
}
