import { useMemo } from "react";
import { changeOf, decimal, exact } from "@/format/numbers";
import { useT } from "@/i18n/I18n";
import { Delta } from "../Delta/Delta";
import { type Column, KeywordCell, ShareCell, Table } from "../Table/Table";
import "./CompareTable.css";

export interface CompareRow {
  keyword: string;
  colour: string;
  total: number;
  before: number;
  mean: number;
  peak: string;
}

const keyOf = ({ keyword }: CompareRow) => keyword;

/** The compared keywords side by side, largest first. */
export function CompareTable({ rows }: { rows: readonly CompareRow[] }) {
  const t = useT();
  const all = rows.reduce((sum, { total }) => sum + total, 0);
  const max = Math.max(...rows.map(({ total }) => total), 1);
  const columns = useMemo<readonly Column<CompareRow>[]>(
    () => [
      {
        id: "keyword",
        head: t("col.keyword"),
        cell: ({ keyword, colour }) => <KeywordCell keyword={keyword} colour={colour} />,
      },
      {
        id: "total",
        head: t("cmp.total"),
        number: true,
        cellClass: () => "b",
        cell: ({ total }) => exact(total),
      },
      { id: "mean", head: t("cmp.mean"), number: true, wideOnly: true, cell: ({ mean }) => decimal(mean) },
      {
        id: "delta",
        head: t("col.delta"),
        number: true,
        cell: ({ total, before }) => <Delta change={changeOf(total, before)} />,
      },
      {
        id: "peak",
        head: t("col.peak"),
        wideOnly: true,
        cellClass: () => "t2 ell",
        title: ({ peak }) => peak,
        cell: ({ peak }) => peak,
      },
      {
        id: "share",
        head: t("col.share"),
        wideOnly: true,
        className: "share-c",
        cell: ({ total, colour }) => (
          <ShareCell
            share={all === 0 ? 0 : total / all}
            largest={all === 0 ? 0 : max / all}
            colour={colour}
          />
        ),
      },
    ],
    [t, all, max],
  );
  return <Table className="cmp-table" columns={columns} rows={rows} keyOf={keyOf} />;
}
