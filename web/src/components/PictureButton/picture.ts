import { paint } from "./paint";

const SCALE = 2;
const PAD = 20;
const HEAD = 34;
const FOOT = 34;
const RADIUS = 12;

/** A panel as a picture with a heading, and the name of the product below it. */
export function pictureOf(panel: Element, heading: string): Promise<Blob> {
  const box = panel.getBoundingClientRect();
  const canvas = document.createElement("canvas");
  const width = box.width + 2 * PAD;
  const height = box.height + HEAD + FOOT + PAD;
  canvas.width = Math.round(width * SCALE);
  canvas.height = Math.round(height * SCALE);
  const ctx = canvas.getContext("2d");
  if (!ctx) return Promise.reject(new Error("no canvas"));
  ctx.scale(SCALE, SCALE);
  ctx.imageSmoothingQuality = "high";
  const style = getComputedStyle(document.body);
  const token = (name: string) => style.getPropertyValue(name).trim();
  ctx.fillStyle = token("--canvas");
  ctx.fillRect(0, 0, width, height);
  ctx.textBaseline = "middle";
  ctx.font = `520 13px ${style.fontFamily}`;
  ctx.fillStyle = token("--t2");
  ctx.fillText(heading, PAD, PAD / 2 + HEAD / 2, box.width);
  ctx.font = `700 15px ${style.fontFamily}`;
  ctx.fillStyle = token("--t1");
  ctx.textAlign = "right";
  ctx.fillText("tidings", width - PAD, height - FOOT / 2);
  ctx.textAlign = "left";
  // A panel inside another card has no ground of its own.
  ctx.beginPath();
  ctx.roundRect(PAD, HEAD + PAD / 2, box.width, box.height, RADIUS);
  ctx.fillStyle = token("--surface");
  ctx.fill();
  paint(ctx, panel, { x: box.left - PAD, y: box.top - HEAD - PAD / 2 });
  return new Promise((resolve, reject) =>
    canvas.toBlob((blob) => (blob ? resolve(blob) : reject(new Error("no picture"))), "image/png"),
  );
}
