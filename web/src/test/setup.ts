import { cleanup } from "@testing-library/react";
import { afterEach } from "vitest";
import { loadLanguage } from "@/i18n/translate";

await Promise.all([loadLanguage("ko"), loadLanguage("en")]);

process.env.TZ = "Asia/Seoul";

// jsdom has no layout, so what asks for sizes gets a fixed one.
class FixedResizeObserver {
  constructor(private readonly callback: ResizeObserverCallback) {}
  observe(target: Element): void {
    const contentRect = { width: 800, height: 300, x: 0, y: 0, top: 0, left: 0, right: 800, bottom: 300 };
    this.callback([{ target, contentRect } as ResizeObserverEntry], this as unknown as ResizeObserver);
  }
  unobserve(): void {}
  disconnect(): void {}
}
globalThis.ResizeObserver = FixedResizeObserver as unknown as typeof ResizeObserver;
globalThis.matchMedia ??= ((query: string) => ({
  matches: false,
  media: query,
  addEventListener: () => {},
  removeEventListener: () => {},
})) as unknown as typeof matchMedia;

afterEach(cleanup);

// Charts draw on a canvas that jsdom does not have; every call on it is accepted and forgotten.
const context: unknown = new Proxy(
  {},
  {
    get: (_, name) =>
      name === Symbol.toPrimitive
        ? () => ""
        : name === "measureText"
          ? () => ({ width: 40 })
          : name === "canvas"
            ? {}
            : () => context,
    set: () => true,
  },
);
// Tests that read files run without a document.
if (typeof HTMLCanvasElement !== "undefined") {
  HTMLCanvasElement.prototype.getContext = (() =>
    context) as unknown as typeof HTMLCanvasElement.prototype.getContext;
  globalThis.Path2D ??= class {
    moveTo() {}
    lineTo() {}
    rect() {}
    arc() {}
    closePath() {}
    bezierCurveTo() {}
    addPath() {}
  } as unknown as typeof Path2D;
}
