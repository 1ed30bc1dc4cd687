import { memo, type ReactNode, useMemo, useRef, useState } from "react";
import { Link } from "react-router";
import { keywordPath } from "@/data/token";
import type { KeywordCount } from "@/data/types";
import { changeOf, exact, shareText } from "@/format/numbers";
import { useFlip } from "@/hooks/useFlip";
import { useT } from "@/i18n/I18n";
import { Delta, RankDelta } from "../Delta/Delta";
import { Dot, useColour } from "../Dot/Dot";
import { Sparkline } from "../Sparkline/Sparkline";
import "../Table/Table.css";
import "./KeywordTable.css";

/** More rows are drawn when they are asked for. */
const MAX_ROWS = 250;

type SortKey = "rank" | "move" | "keyword" | "count" | "previous" | "growth";

const growth = ({ count, previous }: KeywordCount) =>
  previous === 0 ? (count > 0 ? Number.POSITIVE_INFINITY : 0) : count / previous;
const ORDERS: Record<SortKey, (a: KeywordCount, b: KeywordCount) => number> = {
  rank: (a, b) => a.rank - b.rank,
  move: (a, b) => (b.change ?? 1_000) - (a.change ?? 1_000) || a.rank - b.rank,
  keyword: (a, b) => a.keyword.localeCompare(b.keyword),
  count: (a, b) => b.count - a.count || a.rank - b.rank,
  previous: (a, b) => b.previous - a.previous || a.rank - b.rank,
  growth: (a, b) => growth(b) - growth(a) || a.rank - b.rank,
};

/** All keywords, ranked. While the pointer or the focus is inside, rows hold still and only their numbers change. */
export function KeywordTable({ keywords }: { keywords: readonly KeywordCount[] }) {
  const t = useT();
  const [sort, setSort] = useState<{ key: SortKey; reverse: boolean }>({ key: "rank", reverse: false });
  const [held, setHeld] = useState<readonly string[] | null>(null);
  const sorted = useMemo(() => {
    const order = ORDERS[sort.key];
    const rows = [...keywords].sort((a, b) => (sort.reverse ? order(b, a) : order(a, b)));
    if (!held) return rows;
    const place = new Map(held.map((keyword, index) => [keyword, index]));
    return rows.sort((a, b) => (place.get(a.keyword) ?? held.length) - (place.get(b.keyword) ?? held.length));
  }, [keywords, sort, held]);
  const body = useRef<HTMLTableSectionElement>(null);
  const [all, setAll] = useState(false);
  const shown = all ? sorted : sorted.slice(0, MAX_ROWS);
  useFlip(body, shown.map(({ keyword }) => keyword).join("\n"));
  const largest = Math.max(...keywords.map(({ share }) => share), 0.0001);
  const hold = () => setHeld((order) => order ?? sorted.map(({ keyword }) => keyword));
  const choose = (key: SortKey) => {
    setHeld(null);
    setSort((now) => ({ key, reverse: now.key === key && !now.reverse }));
  };
  const head = (key: SortKey, text: string, className?: string): ReactNode => (
    <th
      scope="col"
      className={className}
      aria-sort={sort.key === key ? (sort.reverse ? "descending" : "ascending") : undefined}
    >
      <button type="button" className="sort" onClick={() => choose(key)}>
        {text}
      </button>
    </th>
  );
  return (
    <>
      <table className="tbl kw-table" onPointerEnter={hold} onPointerLeave={() => setHeld(null)}>
        <thead>
          <tr>
            {head("rank", t("col.rank"))}
            {head("move", t("col.change"))}
            {head("keyword", t("col.keyword"))}
            <th scope="col" className="hide-s">
              {t("col.trend")}
            </th>
            {head("count", t("col.tweets"), "n")}
            {head("previous", t("col.prev"), "n hide-s")}
            {head("growth", t("col.delta"), "n")}
            <th scope="col" className="hide-s share-h">
              {t("col.share")}
            </th>
          </tr>
        </thead>
        <tbody ref={body}>
          {shown.map((row, index) => (
            <Row
              key={row.keyword}
              row={row}
              largest={largest}
              tie={sort.key === "rank" && sorted[index - 1]?.count === row.count}
            />
          ))}
        </tbody>
      </table>
      {shown.length < sorted.length ? (
        <button type="button" className="link tbl-all" onClick={() => setAll(true)}>
          {t("table.all", { n: exact(sorted.length) })}
        </button>
      ) : null}
    </>
  );
}

/** Each answer holds new objects; a row is drawn again when it says something else. */
const saysTheSame = (before: RowProps, after: RowProps) =>
  before.largest === after.largest &&
  before.tie === after.tie &&
  (before.row === after.row || JSON.stringify(before.row) === JSON.stringify(after.row));

interface RowProps {
  row: KeywordCount;
  largest: number;
  tie: boolean;
}

const Row = memo(function Row({ row, largest, tie }: RowProps) {
  const t = useT();
  const colour = useColour(row.keyword);
  return (
    <tr data-key={row.keyword}>
      <td className={tie ? "rk n tie" : "rk n"} title={tie ? t("rank.tie") : undefined}>
        {row.rank}
      </td>
      <td>
        <RankDelta places={row.change} />
      </td>
      <td>
        <Link className="kw" to={keywordPath(row.keyword)} title={row.keyword}>
          <Dot keyword={row.keyword} />
          <span className="ell">{row.keyword}</span>
        </Link>
      </td>
      <td className="hide-s" style={{ color: colour }}>
        <Sparkline values={row.spark} width={104} height={22} area />
      </td>
      <td className="n b">{exact(row.count)}</td>
      <td className="n hide-s t3">{exact(row.previous)}</td>
      <td className="n">
        <Delta change={changeOf(row.count, row.previous)} />
      </td>
      <td className="hide-s">
        <span className="row share">
          <span className="bar grow" style={{ "--c": colour }}>
            <i style={{ width: `${(row.share / largest) * 100}%` }} />
          </span>
          <span className="n t2">{shareText(row.share)}</span>
        </span>
      </td>
    </tr>
  );
}, saysTheSame);
