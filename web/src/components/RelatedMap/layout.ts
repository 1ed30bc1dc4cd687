import {
  forceCollide,
  forceLink,
  forceManyBody,
  forceSimulation,
  forceX,
  forceY,
  type SimulationNodeDatum,
} from "d3-force";
import type { Related } from "@/data/types";

export interface MapNode extends SimulationNodeDatum {
  word: string;
  count: number;
  g2: number | null;
  x: number;
  y: number;
  r: number;
  fontSize: number;
  /** Whether the word fits into its circle. */
  inside: boolean;
  risen: boolean;
  /** How much of the keyword's colour the circle has, in percent. */
  mix: number;
  halfWidth: number;
  top: number;
  bottom: number;
}

export interface MapEdge {
  a: string;
  b: string;
  width: number;
  opacity: number;
}

const AREA = 226_000;
const RISEN_RANK = 150;
const MAX_RISEN = 5;
const MAX_EDGES = 60;

const cap = (width: number) => (width < 300 ? 16 : width < 380 ? 22 : 30);

function sized(related: Related, width: number, height: number, most: number): MapNode[] {
  const words = related.nodes.slice(0, most);
  const max = Math.max(...words.map(({ count }) => count), 1);
  const strongest = Math.log(1 + Math.max(...words.map(({ g2 }) => g2 ?? 0), 0)) || 1;
  const scale = Math.min(1.55, Math.max(0.82, Math.sqrt((width * height) / AREA)));
  let risen = 0;
  return words.map(({ word, count, g2, previous_rank }, index) => {
    const r = (7 + 34 * Math.sqrt(count / max)) * scale;
    const fontSize = r > 24 ? 15 : r > 14 ? 13 : 12.5;
    const textWidth =
      [...word].reduce((sum, letter) => sum + (letter.charCodeAt(0) > 0x2e80 ? 0.95 : 0.58), 0) * fontSize;
    const inside = textWidth <= r * 2 - 8;
    const isRisen = (previous_rank === null || previous_rank > RISEN_RANK) && count >= 4 && risen < MAX_RISEN;
    if (isRisen) risen += 1;
    const q = g2 === null ? Math.sqrt(count / max) : Math.log(1 + g2) / strongest;
    // A spiral of fixed angles: the same words always start at the same places.
    const angle = index * 2.399_963;
    const distance = 16 * Math.sqrt(index);
    return {
      word,
      count,
      g2,
      r,
      fontSize,
      inside,
      risen: isRisen,
      mix: Math.min(64, Math.round(12 + 52 * q * q)),
      x: width / 2 + Math.cos(angle) * distance,
      y: height / 2 + Math.sin(angle) * distance,
      halfWidth: Math.max(r + 4, inside ? 0 : textWidth / 2 + 3),
      top: r + (isRisen ? 7 : 4),
      bottom: inside ? r + 4 : r + fontSize + 6,
    };
  });
}

const clamp = (value: number, low: number, high: number) =>
  Math.max(low, Math.min(Math.max(low, high), value));

/** Pushes boxes of circle and label apart along the shorter way, until none overlap. */
function separate(nodes: MapNode[], width: number, height: number): void {
  for (let round = 0; round < 160; round += 1) {
    let moved = false;
    for (let i = 0; i < nodes.length; i += 1) {
      for (let j = 0; j < i; j += 1) {
        const a = nodes[i];
        const b = nodes[j];
        if (!a || !b) continue;
        const dx = b.x - a.x;
        const overlapX = a.halfWidth + b.halfWidth - Math.abs(dx);
        if (overlapX <= 0) continue;
        const dy = b.y + (b.bottom - b.top) / 2 - a.y - (a.bottom - a.top) / 2;
        const overlapY = (a.top + a.bottom + b.top + b.bottom) / 2 - Math.abs(dy);
        if (overlapY <= 0) continue;
        moved = true;
        if (overlapX < overlapY) {
          const push = ((dx < 0 ? -1 : 1) * overlapX) / 2;
          a.x -= push;
          b.x += push;
        } else {
          const push = ((dy < 0 ? -1 : 1) * overlapY) / 2;
          a.y -= push;
          b.y += push;
        }
      }
    }
    for (const node of nodes) {
      node.x = clamp(node.x, node.halfWidth + 4, width - node.halfWidth - 4);
      node.y = clamp(node.y, node.top + 4, height - node.bottom - 4);
    }
    if (!moved) return;
  }
}

/** Places the words. `before` keeps the words that stay near where they were. */
export function layout(
  related: Related,
  width: number,
  height: number,
  before: ReadonlyMap<string, { x: number; y: number }>,
  most = cap(width),
) {
  const nodes = sized(related, width, height, most);
  const words = new Set(nodes.map(({ word }) => word));
  const links = related.links.filter(({ a, b }) => words.has(a) && words.has(b)).slice(0, MAX_EDGES);
  const kept = nodes.filter((node) => {
    const place = before.get(node.word);
    if (place) Object.assign(node, place);
    return place !== undefined;
  });
  const known = kept.length * 2 > nodes.length;
  const simulation = forceSimulation(nodes)
    .force(
      "link",
      forceLink<MapNode, { source: string; target: string; count: number }>(
        links.map(({ a, b, count }) => ({ source: a, target: b, count })),
      )
        .id(({ word }) => word)
        .strength(({ count }) => Math.min(0.35, 0.03 * count)),
    )
    .force("charge", forceManyBody().strength(-120).distanceMax(240))
    .force("x", forceX(width / 2).strength(0.05 * Math.min(1.4, height / width)))
    .force("y", forceY(height / 2).strength(0.06 * Math.max(1, width / height)))
    .force(
      "collide",
      forceCollide<MapNode>((node) => node.r + 5),
    )
    .alpha(known ? 0.15 : 1)
    .stop();
  simulation.tick(known ? 60 : 300);
  separate(nodes, width, height);
  const strongestLink = Math.max(...links.map(({ count }) => count), 1);
  const edges: MapEdge[] = links.map(({ a, b, count }) => ({
    a,
    b,
    width: 0.75 + 2 * Math.sqrt(count / strongestLink),
    opacity: 0.16 + 0.24 * (count / strongestLink),
  }));
  return { nodes, edges };
}
