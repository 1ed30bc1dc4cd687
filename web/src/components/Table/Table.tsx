import { memo, type ReactNode, type RefObject, useRef, useState } from "react";
import { Link } from "react-router";
import { keywordPath } from "@/data/token";
import { exact, shareText } from "@/format/numbers";
import { useChangeTint } from "@/hooks/useChangeTint";
import { useT } from "@/i18n/I18n";
import { ColourDot, Dot } from "../Dot/Dot";
import "./Table.css";

/** More rows are drawn when they are asked for. */
const MAX_ROWS = 250;

export interface Column<Row> {
  id: string;
  head: ReactNode;
  /** Numbers stand on the right. */
  number?: boolean;
  /** Left out on phones. */
  wideOnly?: boolean;
  className?: string;
  sorted?: "ascending" | "descending" | undefined;
  onSort?: () => void;
  cell: (row: Row) => ReactNode;
  title?: (row: Row) => string | undefined;
  cellClass?: (row: Row) => string | undefined;
  /** The cell is tinted for a moment when this changes. */
  watched?: (row: Row) => number | string;
}

interface Props<Row> {
  className: string;
  /** Must be the same array while nothing in it changes: rows are drawn again with a new one. */
  columns: readonly Column<Row>[];
  rows: readonly Row[];
  keyOf: (row: Row) => string;
  /** So many rows are shown until the others are asked for. */
  max?: number;
  body?: RefObject<HTMLTableSectionElement | null>;
  /** Handlers of the table element. */
  on?: Partial<Record<"onPointerEnter" | "onPointerLeave" | "onFocus" | "onBlur", (event: never) => void>>;
}

const classOf = <Row,>({ number, wideOnly, className }: Column<Row>, extra?: string) =>
  [number ? "n" : "", wideOnly ? "hide-s" : "", className, extra].filter(Boolean).join(" ") || undefined;

/** Rows of data. A long table is cut, and shows the rest when it is asked to. */
export function Table<Row>({ className, columns, rows, keyOf, max = MAX_ROWS, body, on }: Props<Row>) {
  const t = useT();
  const [all, setAll] = useState(false);
  const shown = all ? rows : rows.slice(0, max);
  // A memoised component has no type parameter: a row is shown by its own columns alone.
  const cells = columns as unknown as readonly Column<unknown>[];
  return (
    <>
      <table className={`tbl fixed ${className}`} {...(on as object)}>
        <thead>
          <tr>
            {columns.map((column) => (
              <th key={column.id} scope="col" className={classOf(column)} aria-sort={column.sorted}>
                {column.onSort ? (
                  <button type="button" className="sort" onClick={column.onSort}>
                    {column.head}
                  </button>
                ) : (
                  column.head
                )}
              </th>
            ))}
          </tr>
        </thead>
        <tbody ref={body}>
          {shown.map((row) => (
            <TableRow key={keyOf(row)} name={keyOf(row)} row={row} columns={cells} />
          ))}
        </tbody>
      </table>
      {shown.length < rows.length ? (
        <button type="button" className="link tbl-all" onClick={() => setAll(true)}>
          {t("table.all", { n: exact(rows.length) })}
        </button>
      ) : null}
    </>
  );
}

interface RowProps {
  name: string;
  row: unknown;
  columns: readonly Column<unknown>[];
}

/** Each answer holds new objects; a row is drawn again when it says something else. */
const saysTheSame = (before: RowProps, after: RowProps) =>
  before.columns === after.columns &&
  (before.row === after.row || JSON.stringify(before.row) === JSON.stringify(after.row));

const TableRow = memo(function TableRow({ name, row, columns }: RowProps) {
  return (
    <tr data-key={name}>
      {columns.map((column) => (
        <Cell key={column.id} column={column} row={row} />
      ))}
    </tr>
  );
}, saysTheSame);

function Cell({ column, row }: { column: Column<unknown>; row: unknown }) {
  const ref = useRef<HTMLTableCellElement>(null);
  useChangeTint(ref, column.watched?.(row));
  return (
    <td ref={ref} className={classOf(column, column.cellClass?.(row))} title={column.title?.(row)}>
      {column.cell(row)}
    </td>
  );
}

/** The name of a keyword with its dot, which leads to its page. */
export function KeywordCell({ keyword, colour }: { keyword: string; colour?: string }) {
  return (
    <Link className="kw" to={keywordPath(keyword)} title={keyword}>
      {colour === undefined ? <Dot keyword={keyword} /> : <ColourDot colour={colour} />}
      <span className="ell">{keyword}</span>
    </Link>
  );
}

/** A share as a bar and as a figure. The longest bar is that of `largest`. */
export function ShareCell({ share, largest, colour }: { share: number; largest: number; colour: string }) {
  return (
    <span className="row share">
      <span className="bar grow" style={{ "--c": colour }}>
        <i style={{ width: `${largest > 0 ? (share / largest) * 100 : 0}%` }} />
      </span>
      <span className="n t2">{shareText(share)}</span>
    </span>
  );
}
