/** Draws the shapes of an SVG on a canvas. `x` and `y` are the canvas's origin on the screen. */
export function paintSvg(ctx: CanvasRenderingContext2D, svg: SVGSVGElement, x: number, y: number): void {
  for (const shape of svg.querySelectorAll<SVGGraphicsElement>("rect, line, path, circle, text")) {
    const style = getComputedStyle(shape);
    const matrix = shape.getScreenCTM();
    if (!matrix || style.display === "none" || style.visibility === "hidden") continue;
    ctx.save();
    ctx.transform(matrix.a, matrix.b, matrix.c, matrix.d, matrix.e - x, matrix.f - y);
    ctx.globalAlpha = opacityOf(shape, svg);
    if (shape instanceof SVGTextElement) paintText(ctx, shape);
    else paintShape(ctx, pathOf(shape), style);
    ctx.restore();
  }
}

function opacityOf(shape: Element, root: Element): number {
  let opacity = 1;
  for (let at: Element | null = shape; at && at !== root.parentElement; at = at.parentElement)
    opacity *= Number(getComputedStyle(at).opacity);
  return opacity;
}

/** The outline of a shape. Lengths are read from the attributes, which our components always set. */
function pathOf(shape: Element): Path2D {
  const number = (name: string) => Number(shape.getAttribute(name) ?? 0);
  if (shape.tagName === "path") return new Path2D(shape.getAttribute("d") ?? "");
  const path = new Path2D();
  if (shape.tagName === "circle") path.arc(number("cx"), number("cy"), number("r"), 0, 2 * Math.PI);
  else if (shape.tagName === "line") {
    path.moveTo(number("x1"), number("y1"));
    path.lineTo(number("x2"), number("y2"));
  } else path.roundRect(number("x"), number("y"), number("width"), number("height"), number("rx"));
  return path;
}

/** Neither nothing, nor a gradient, which is decoration here. */
const isColour = (paint: string) => paint !== "none" && !paint.startsWith("url(");

function paintShape(ctx: CanvasRenderingContext2D, path: Path2D, style: CSSStyleDeclaration): void {
  if (isColour(style.fill)) {
    ctx.fillStyle = style.fill;
    ctx.fill(path);
  }
  if (!isColour(style.stroke)) return;
  setStroke(ctx, style);
  ctx.stroke(path);
}

function setStroke(ctx: CanvasRenderingContext2D, style: CSSStyleDeclaration): void {
  ctx.strokeStyle = style.stroke;
  ctx.lineWidth = Number.parseFloat(style.strokeWidth) || 1;
  ctx.lineJoin = style.strokeLinejoin as CanvasLineJoin;
  ctx.lineCap = style.strokeLinecap as CanvasLineCap;
  ctx.setLineDash(
    style.strokeDasharray === "none" ? [] : style.strokeDasharray.split(/[ ,]+/).map(Number.parseFloat),
  );
}

/** Each part of a text stands where the browser has put its first letter. */
function paintText(ctx: CanvasRenderingContext2D, text: SVGTextElement): void {
  const parts = document.createTreeWalker(text, NodeFilter.SHOW_TEXT);
  let index = 0;
  ctx.textBaseline = "alphabetic";
  for (let part = parts.nextNode(); part; part = parts.nextNode()) {
    const content = part.textContent ?? "";
    if (content === "" || index >= text.getNumberOfChars()) continue;
    const style = getComputedStyle(part.parentElement ?? text);
    const { x, y } = text.getStartPositionOfChar(index);
    index += content.length;
    ctx.font = `${style.fontWeight} ${style.fontSize} ${style.fontFamily}`;
    if (isColour(style.stroke)) {
      setStroke(ctx, style);
      ctx.strokeText(content, x, y);
    }
    ctx.fillStyle = style.fill;
    ctx.fillText(content, x, y);
  }
}
