import { type ReactNode, useLayoutEffect, useRef } from "react";

const OFFSET = 12;

/** A tooltip beside a point of a chart. It turns to the other side at the edge. */
export function Tooltip({
  x,
  y,
  width,
  children,
}: {
  x: number;
  y: number;
  width: number;
  children: ReactNode;
}) {
  const ref = useRef<HTMLDivElement>(null);
  useLayoutEffect(() => {
    const element = ref.current;
    if (!element) return;
    const own = element.offsetWidth;
    const left = x + OFFSET + own > width ? x - own - OFFSET : x + OFFSET;
    element.style.left = `${Math.max(0, left)}px`;
    element.style.top = `${Math.max(0, y)}px`;
  });
  return (
    <div className="tip" ref={ref} aria-hidden="true">
      {children}
    </div>
  );
}
