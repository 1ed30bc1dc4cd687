import { useMemo, useRef, useState } from "react";
import type { KeywordCount } from "@/data/types";
import { changeOf, exact } from "@/format/numbers";
import { useFlip } from "@/hooks/useFlip";
import { useHeldOrder } from "@/hooks/useHeldOrder";
import { useT } from "@/i18n/I18n";
import { Delta, RankDelta } from "../Delta/Delta";
import { useColour } from "../Dot/Dot";
import { Sparkline } from "../Sparkline/Sparkline";
import { type Column, KeywordCell, ShareCell, Table } from "../Table/Table";
import "./KeywordTable.css";

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

/** Columns that begin with their largest value. */
const LARGEST_FIRST: ReadonlySet<SortKey> = new Set(["move", "count", "previous", "growth"]);

type Row = KeywordCount & {
  /** The row above has the same count, so the rank says nothing. */
  tie: boolean;
};
const keyOf = ({ keyword }: Row) => keyword;

/** All keywords, ranked. While the pointer or the focus is inside, rows hold still and only their numbers change. */
export function KeywordTable({ keywords }: { keywords: readonly KeywordCount[] }) {
  const [sort, setSort] = useState<{ key: SortKey; reverse: boolean }>({ key: "rank", reverse: false });
  const sorted = useMemo(() => {
    const order = ORDERS[sort.key];
    const rows = [...keywords].sort((a, b) => (sort.reverse ? order(b, a) : order(a, b)));
    return rows.map((row, index) => ({
      ...row,
      tie: sort.key === "rank" && rows[index - 1]?.count === row.count,
    }));
  }, [keywords, sort]);
  const [rows, on] = useHeldOrder(sorted, keyOf, `${sort.key} ${sort.reverse}`);
  const body = useRef<HTMLTableSectionElement>(null);
  useFlip(body, rows.map(keyOf).join("\n"));
  const largest = Math.max(...keywords.map(({ share }) => share), 0.0001);
  const columns = useColumns(largest, sort, (key) =>
    setSort((now) => ({ key, reverse: now.key === key && !now.reverse })),
  );
  return <Table className="kw-table" columns={columns} rows={rows} keyOf={keyOf} body={body} on={on} />;
}

function Trend({ keyword, values }: { keyword: string; values: readonly number[] }) {
  return (
    <span style={{ color: useColour(keyword) }}>
      <Sparkline values={values} width={104} height={22} area />
    </span>
  );
}

function Share({ keyword, ...rest }: { keyword: string; share: number; largest: number }) {
  return <ShareCell {...rest} colour={useColour(keyword)} />;
}

function useColumns(
  largest: number,
  sort: { key: SortKey; reverse: boolean },
  choose: (key: SortKey) => void,
): readonly Column<Row>[] {
  const t = useT();
  const latest = useRef(choose);
  latest.current = choose;
  return useMemo(() => {
    const sortable = (key: SortKey): Pick<Column<Row>, "id" | "sorted" | "onSort"> => ({
      id: key,
      sorted:
        sort.key !== key ? undefined : LARGEST_FIRST.has(key) === sort.reverse ? "ascending" : "descending",
      onSort: () => latest.current(key),
    });
    const columns: Column<Row>[] = [
      {
        ...sortable("rank"),
        head: t("col.rank"),
        cellClass: ({ tie }) => (tie ? "rk n tie" : "rk n"),
        title: ({ tie }) => (tie ? t("rank.tie") : undefined),
        cell: ({ rank }) => rank,
      },
      {
        ...sortable("move"),
        head: t("col.change"),
        cell: ({ change }) => <RankDelta places={change} />,
      },
      {
        ...sortable("keyword"),
        head: t("col.keyword"),
        cell: ({ keyword }) => <KeywordCell keyword={keyword} />,
      },
      {
        id: "trend",
        head: t("col.trend"),
        wideOnly: true,
        cell: ({ keyword, spark }) => <Trend keyword={keyword} values={spark} />,
      },
      {
        ...sortable("count"),
        head: t("col.tweets"),
        number: true,
        cellClass: () => "b",
        watched: ({ count }) => count,
        cell: ({ count }) => exact(count),
      },
      {
        ...sortable("previous"),
        head: t("col.prev"),
        number: true,
        wideOnly: true,
        cellClass: () => "t3",
        cell: ({ previous }) => exact(previous),
      },
      {
        ...sortable("growth"),
        head: t("col.delta"),
        number: true,
        cell: ({ count, previous }) => <Delta change={changeOf(count, previous)} />,
      },
      {
        id: "share",
        head: t("col.share"),
        wideOnly: true,
        className: "share-c",
        cell: ({ keyword, share }) => <Share keyword={keyword} share={share} largest={largest} />,
      },
    ];
    return columns;
  }, [t, largest, sort]);
}
