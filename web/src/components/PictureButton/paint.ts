import { paintSvg } from "./paintSvg";

/** Controls, what only screen readers get, and what is folded up: such text has a place all the same. */
const LEFT_OUT = ".btn, .seg, .sr, .tip, details:not([open]) > :not(summary)";

export const isLeftOut = (element: Element) => element.matches(LEFT_OUT);

interface Place {
  /** The canvas's origin on the screen. */
  x: number;
  y: number;
}

/** Whether a computed colour has no opacity: it is the fourth value, or stands after a slash. */
export const isClear = (colour: string) => /^transparent$|^rgba\(.*, ?0\)$|\/ ?0\)$/.test(colour);

/**
 * Draws an element of the page on a canvas as it looks: boxes, text, SVG and canvases. The content security policy
 * forbids pictures from data addresses, so the browser cannot draw a copy of the markup itself.
 */
export function paint(ctx: CanvasRenderingContext2D, element: Element, place: Place): void {
  if (isLeftOut(element)) return;
  const style = getComputedStyle(element);
  if (style.display === "none" || style.visibility === "hidden" || style.opacity === "0") return;
  const box = element.getBoundingClientRect();
  if (element instanceof SVGSVGElement) {
    paintSvg(ctx, element, place.x, place.y);
    return;
  }
  if (element instanceof HTMLCanvasElement) {
    ctx.drawImage(element, box.left - place.x, box.top - place.y, box.width, box.height);
    return;
  }
  ctx.save();
  ctx.globalAlpha *= Number(style.opacity);
  paintBox(ctx, box, style, place);
  if (style.overflowX !== "visible") {
    ctx.beginPath();
    ctx.rect(box.left - place.x, box.top - place.y, box.width, box.height);
    ctx.clip();
  }
  for (const child of element.childNodes) {
    if (child instanceof Element) paint(ctx, child, place);
    else if (child instanceof Text) paintText(ctx, child, style, place);
  }
  ctx.restore();
}

function paintBox(
  ctx: CanvasRenderingContext2D,
  box: DOMRect,
  style: CSSStyleDeclaration,
  place: Place,
): void {
  const left = box.left - place.x;
  const top = box.top - place.y;
  ctx.beginPath();
  ctx.roundRect(left, top, box.width, box.height, Number.parseFloat(style.borderTopLeftRadius) || 0);
  if (!isClear(style.backgroundColor)) {
    ctx.fillStyle = style.backgroundColor;
    ctx.fill();
  }
  const above = borderOf(style.borderTopStyle, style.borderTopWidth);
  const below = borderOf(style.borderBottomStyle, style.borderBottomWidth);
  if (above > 0 && below > 0) strokeBorder(ctx, above, style.borderTopStyle, style.borderTopColor);
  else if (above > 0 || below > 0) {
    const y = above > 0 ? top + above / 2 : top + box.height - below / 2;
    ctx.beginPath();
    ctx.moveTo(left, y);
    ctx.lineTo(left + box.width, y);
    if (above > 0) strokeBorder(ctx, above, style.borderTopStyle, style.borderTopColor);
    else strokeBorder(ctx, below, style.borderBottomStyle, style.borderBottomColor);
  }
}

const borderOf = (style: string, width: string) => (style === "none" ? 0 : Number.parseFloat(width) || 0);

function strokeBorder(ctx: CanvasRenderingContext2D, width: number, style: string, colour: string): void {
  ctx.lineWidth = width;
  ctx.strokeStyle = colour;
  ctx.setLineDash(style === "dashed" ? [width * 2, width * 1.5] : []);
  ctx.stroke();
}

/** The lines of a text, each with its place on the screen. */
function linesOf(node: Text): { text: string; box: DOMRect }[] {
  const range = document.createRange();
  range.selectNodeContents(node);
  const whole = range.getClientRects();
  const first = whole[0];
  if (!first) return [];
  if (whole.length === 1) return [{ text: node.data.replaceAll(/\s+/g, " "), box: first }];
  const lines: { text: string; box: DOMRect }[] = [];
  let end = 0;
  // By code point: half a pair has no letter to draw.
  for (const letter of node.data) {
    range.setStart(node, end);
    end += letter.length;
    range.setEnd(node, end);
    const box = range.getClientRects()[0];
    if (!box || box.width === 0) continue;
    const line = lines.at(-1);
    if (line && Math.abs(line.box.top - box.top) < 2) {
      line.text += letter;
      line.box = new DOMRect(line.box.left, line.box.top, box.right - line.box.left, box.height);
    } else lines.push({ text: letter, box });
  }
  return lines;
}

function paintText(
  ctx: CanvasRenderingContext2D,
  node: Text,
  style: CSSStyleDeclaration,
  place: Place,
): void {
  if (node.data.trim() === "") return;
  ctx.font = `${style.fontWeight} ${style.fontSize} ${style.fontFamily}`;
  ctx.fillStyle = style.color;
  ctx.textBaseline = "alphabetic";
  for (const { text, box } of linesOf(node)) {
    const { width, fontBoundingBoxAscent } = ctx.measureText(text);
    ctx.save();
    ctx.translate(box.left - place.x, box.top - place.y + fontBoundingBoxAscent);
    // Figures of equal width and tracking differ a little on a canvas; the text keeps its width.
    if (width > 0) ctx.scale(box.width / width, 1);
    ctx.fillText(text, 0, 0);
    ctx.restore();
  }
}
