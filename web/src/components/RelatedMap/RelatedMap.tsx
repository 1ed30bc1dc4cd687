import { type KeyboardEvent, useEffect, useMemo, useRef, useState } from "react";
import type { Related } from "@/data/types";
import { exact } from "@/format/numbers";
import { useSize } from "@/hooks/useSize";
import { useT } from "@/i18n/I18n";
import { RankDelta } from "../Delta/Delta";
import { Empty } from "../Empty/Empty";
import "../Table/Table.css";
import "./RelatedMap.css";
import { layout, type MapNode } from "./layout";
import { useGlide } from "./useGlide";

/** Fewer words make no map. */
const MIN_WORDS = 10;

/** The words that belong to a keyword: larger means more often, stronger colour means closer. */
export function RelatedMap({
  related,
  colour,
  most,
  onWord,
}: {
  related: Related;
  colour: string;
  most?: number;
  onWord: (word: string) => void;
}) {
  const t = useT();
  const [ref, { width, height }] = useSize<HTMLDivElement>();
  const places = useRef<ReadonlyMap<string, { x: number; y: number }>>(new Map());
  const [active, setActive] = useState<string | null>(null);
  const [focused, setFocused] = useState(0);
  // The layout changes with the words and their counts, not with every answer.
  const key = JSON.stringify([
    related.nodes.slice(0, most ?? 30).map(({ word, count }) => [word, count]),
    width,
    height,
  ]);
  // biome-ignore lint/correctness/useExhaustiveDependencies: the key stands for the words.
  const drawn = useMemo(() => {
    if (width === 0 || height === 0) return { nodes: [], edges: [], place: new Map<string, MapNode>() };
    const made = layout(related, width, height, places.current, most);
    places.current = new Map(made.nodes.map(({ word, x, y }) => [word, { x, y }]));
    return { ...made, place: new Map(made.nodes.map((node) => [node.word, node])) };
  }, [key]);
  const { place } = drawn;
  const svg = useRef<SVGSVGElement>(null);
  useGlide(svg, place);
  const leaving = useLeaving(drawn.nodes);
  if (related.nodes.length < MIN_WORDS) {
    return <Empty icon="map" title={t("k.map.few", { n: related.nodes.length })} />;
  }
  const neighbours = new Set<string>(
    active === null
      ? []
      : [active, ...drawn.edges.flatMap(({ a, b }) => (a === active ? [b] : b === active ? [a] : []))],
  );
  const dimmed = (word: string) => active !== null && !neighbours.has(word);
  const keys = (event: KeyboardEvent<SVGSVGElement>) => {
    const by = { ArrowRight: 1, ArrowDown: 1, ArrowLeft: -1, ArrowUp: -1 }[event.key];
    if (by === undefined) return;
    event.preventDefault();
    const next = (focused + by + drawn.nodes.length) % drawn.nodes.length;
    setFocused(next);
    event.currentTarget.querySelectorAll<SVGGElement>("g[role=button]")[next]?.focus();
  };
  return (
    <div className="map chart" ref={ref} style={{ "--c": colour }}>
      <svg
        ref={svg}
        viewBox={`0 0 ${Math.max(width, 1)} ${Math.max(height, 1)}`}
        role="group"
        aria-label={t("k.map")}
        onKeyDown={keys}
      >
        {drawn.edges.map(({ a, b, width: stroke, opacity }) => {
          const from = place.get(a);
          const to = place.get(b);
          if (!from || !to) return null;
          const off = active !== null && a !== active && b !== active;
          return (
            <line
              key={`${a} ${b}`}
              data-a={a}
              data-b={b}
              x1={from.x}
              y1={from.y}
              x2={to.x}
              y2={to.y}
              strokeWidth={stroke}
              opacity={off ? opacity / 4 : opacity}
            />
          );
        })}
        {leaving.map((node) => (
          // biome-ignore lint/a11y/noAriaHiddenOnFocusable: a group of shapes without a tabindex takes no focus.
          <g
            key={`gone ${node.word}`}
            className="gone"
            transform={`translate(${node.x} ${node.y})`}
            aria-hidden="true"
          >
            <Word node={node} />
          </g>
        ))}
        {drawn.nodes.map((node, index) => (
          <g
            key={node.word}
            data-word={node.word}
            transform={`translate(${node.x} ${node.y})`}
            role="button"
            tabIndex={index === focused ? 0 : -1}
            aria-label={t("map.word", { word: node.word, n: exact(node.count) })}
            opacity={dimmed(node.word) ? 0.25 : 1}
            onPointerEnter={() => setActive(node.word)}
            onPointerLeave={() => setActive(null)}
            onFocus={() => {
              setActive(node.word);
              setFocused(index);
            }}
            onBlur={() => setActive(null)}
            onClick={() => onWord(node.word)}
            onKeyDown={(event) => {
              if (event.key === "Enter" || event.key === " ") {
                event.preventDefault();
                onWord(node.word);
              }
            }}
          >
            <Word node={node} />
          </g>
        ))}
      </svg>
    </div>
  );
}

/** A circle with its word, around the origin. */
function Word({ node }: { node: MapNode }) {
  const { word, r, mix, risen, inside, fontSize } = node;
  return (
    <>
      <circle r={r} fill={`color-mix(in oklab, var(--c) ${mix}%, var(--surface))`} />
      {risen ? <circle className="ring" r={r + 3} /> : null}
      <text
        className={inside ? undefined : "out"}
        y={inside ? fontSize * 0.36 : r + fontSize + 1 + (risen ? 2 : 0)}
        fontSize={fontSize}
      >
        {word}
      </text>
    </>
  );
}

const FADE_MS = 260;
const NONE: readonly MapNode[] = [];

/** The words that have just left the map, while they fade. */
function useLeaving(nodes: readonly MapNode[]): readonly MapNode[] {
  const [shown, setShown] = useState(nodes);
  const [leaving, setLeaving] = useState(NONE);
  if (shown !== nodes) {
    const words = new Set(nodes.map(({ word }) => word));
    setShown(nodes);
    setLeaving(nodes.length > 0 ? shown.filter(({ word }) => !words.has(word)) : NONE);
  }
  useEffect(() => {
    if (leaving.length === 0) return;
    const timer = setTimeout(() => setLeaving(NONE), FADE_MS);
    return () => clearTimeout(timer);
  }, [leaving]);
  return leaving;
}

/** The list twin of the map. */
export function RelatedList({ related, onWord }: { related: Related; onWord: (word: string) => void }) {
  const t = useT();
  return (
    <div
      className="chart-table rel-list"
      tabIndex={0}
      role="region"
      aria-label={`${t("k.map")}: ${t("k.map.asList")}`}
    >
      <table className="tbl">
        <thead>
          <tr>
            <th scope="col">{t("col.word")}</th>
            <th scope="col" className="n">
              {t("col.count")}
            </th>
            <th scope="col" className="n">
              {t("col.score")}
            </th>
            <th scope="col" className="n">
              {t("col.change")}
            </th>
          </tr>
        </thead>
        <tbody>
          {related.nodes.map(({ word, count, g2, rank, previous_rank }) => (
            <tr key={word}>
              <td>
                <button type="button" className="ell rel-w" onClick={() => onWord(word)}>
                  {word}
                </button>
              </td>
              <td className="n">{exact(count)}</td>
              <td className="n t2">{g2 === null ? "–" : exact(Math.round(g2))}</td>
              <td className="n">
                <RankDelta places={previous_rank === null ? null : previous_rank - rank} />
              </td>
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}
