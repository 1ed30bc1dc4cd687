import { useMemo, useRef } from "react";
import { fnv1a32 } from "@/data/colours";
import type { KeywordRow, Ledger } from "@/data/types";
import { exact } from "@/format/numbers";
import { useT } from "@/i18n/I18n";
import { Badge } from "../Badge/Badge";
import { Button } from "../Button/Button";
import { LedgerSum, missing } from "../Ledger/Ledger";
import { Popover } from "../Popover/Popover";
import { type Column, KeywordCell, Table } from "../Table/Table";
import "@/i18n/ops";
import "./KeywordStatus.css";

const ORDER = { quarantined: 0, catching_up: 1, live: 2 } as const;

/** The troubled ones first, then the largest. */
export const bySeverity = (keywords: readonly KeywordRow[]): KeywordRow[] =>
  [...keywords].sort((a, b) => ORDER[a.status] - ORDER[b.status] || b.lag - a.lag || b.tweets - a.tweets);

function StatusBadge({ status }: { status: KeywordRow["status"] }) {
  const t = useT();
  if (status === "quarantined")
    return (
      <Badge tone="danger" icon="warning">
        {t("ops.quar")}
      </Badge>
    );
  if (status === "catching_up")
    return (
      <Badge tone="warn" icon="clock">
        {t("ops.catching")}
      </Badge>
    );
  return <Badge tone="tide">{t("ops.status.live")}</Badge>;
}

type Row = KeywordRow & { ledger: Ledger | undefined };
const keyOf = ({ keyword }: Row) => keyword;

/** How each keyword is doing, the troubled ones first. */
export function KeywordStatus({
  keywords,
  ledgers,
  shards,
  busy,
  onRelease,
}: {
  /** In the order of `bySeverity`. */
  keywords: readonly KeywordRow[];
  /** Those that have been asked for. */
  ledgers: ReadonlyMap<string, Ledger>;
  shards: number;
  busy: boolean;
  onRelease: (keyword: string) => void;
}) {
  const rows = useMemo<readonly Row[]>(
    () => keywords.map((row) => ({ ...row, ledger: ledgers.get(row.keyword) })),
    [keywords, ledgers],
  );
  const columns = useColumns(shards, busy, onRelease);
  return <Table className="status-table" columns={columns} rows={rows} keyOf={keyOf} />;
}

function useColumns(
  shards: number,
  busy: boolean,
  onRelease: (keyword: string) => void,
): readonly Column<Row>[] {
  const t = useT();
  const latest = useRef(onRelease);
  latest.current = onRelease;
  return useMemo(
    () => [
      { id: "keyword", head: t("col.keyword"), cell: ({ keyword }) => <KeywordCell keyword={keyword} /> },
      { id: "status", head: t("col.status"), cell: ({ status }) => <StatusBadge status={status} /> },
      { id: "lag", head: t("col.lag"), number: true, cell: ({ lag }) => exact(lag) },
      {
        id: "ledger",
        head: t("ops.ledger"),
        number: true,
        cell: ({ keyword, ledger }) => <LedgerCell keyword={keyword} ledger={ledger} />,
      },
      {
        id: "tweets",
        head: t("col.tweets"),
        number: true,
        wideOnly: true,
        cellClass: () => "t2",
        watched: ({ tweets }) => tweets,
        cell: ({ tweets }) => exact(tweets),
      },
      {
        id: "shard",
        head: t("ops.shard"),
        number: true,
        wideOnly: true,
        cellClass: () => "t2",
        cell: ({ token }) => (shards > 0 ? fnv1a32(token) % shards : "–"),
      },
      {
        id: "release",
        head: <span className="sr">{t("nav.more")}</span>,
        number: true,
        cell: ({ keyword, status }) =>
          status === "quarantined" ? (
            <Button size="s" disabled={busy} onClick={() => latest.current(keyword)}>
              {t("ops.release")}
            </Button>
          ) : null,
      },
    ],
    [t, shards, busy],
  );
}

/** Both sides of the sum, and the whole of it in a panel. */
function LedgerCell({ keyword, ledger }: { keyword: string; ledger: Ledger | undefined }) {
  const t = useT();
  if (!ledger) return <span className="t3">–</span>;
  const open = missing(ledger);
  return (
    <Popover
      width={330}
      label={t("ops.ledger.of", { keyword })}
      trigger={
        <button type="button" className={open === 0 ? "status-led t2" : "status-led bad"}>
          {exact(ledger.journaled - open)}
          <span className="hide-s">
            {" "}
            {open === 0 ? "=" : "≠"} {exact(ledger.journaled)}
          </span>
        </button>
      }
    >
      <LedgerSum ledger={ledger} />
    </Popover>
  );
}
