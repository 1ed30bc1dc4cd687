import { useState } from "react";
import { Link } from "react-router";
import { fnv1a32 } from "@/data/colours";
import { keywordPath } from "@/data/token";
import type { KeywordRow, Ledger } from "@/data/types";
import { exact } from "@/format/numbers";
import { useT } from "@/i18n/I18n";
import { Badge } from "../Badge/Badge";
import { Button } from "../Button/Button";
import { Dot } from "../Dot/Dot";
import { LedgerSum, missing } from "../Ledger/Ledger";
import { Popover } from "../Popover/Popover";
import "../Table/Table.css";
import "./KeywordStatus.css";

/** More rows are drawn when they are asked for. */
const MAX_ROWS = 250;

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
  const t = useT();
  const [all, setAll] = useState(false);
  const shown = all ? keywords : keywords.slice(0, MAX_ROWS);
  return (
    <>
      <table className="tbl status-table">
        <thead>
          <tr>
            <th scope="col">{t("col.keyword")}</th>
            <th scope="col">{t("col.status")}</th>
            <th scope="col" className="n">
              {t("col.lag")}
            </th>
            <th scope="col" className="n">
              {t("ops.ledger")}
            </th>
            <th scope="col" className="n hide-s">
              {t("col.tweets")}
            </th>
            <th scope="col" className="n hide-s">
              {t("ops.shard")}
            </th>
            <th scope="col">
              <span className="sr">{t("nav.more")}</span>
            </th>
          </tr>
        </thead>
        <tbody>
          {shown.map(({ keyword, token, status, lag, tweets }) => (
            <tr key={keyword}>
              <td>
                <Link className="kw" to={keywordPath(keyword)} title={keyword}>
                  <Dot keyword={keyword} />
                  <span className="ell">{keyword}</span>
                </Link>
              </td>
              <td>
                <StatusBadge status={status} />
              </td>
              <td className="n">{exact(lag)}</td>
              <td className="n">
                <LedgerCell keyword={keyword} ledger={ledgers.get(keyword)} />
              </td>
              <td className="n hide-s t2">{exact(tweets)}</td>
              <td className="n hide-s t2">{shards > 0 ? fnv1a32(token) % shards : "–"}</td>
              <td className="n">
                {status === "quarantined" ? (
                  <Button size="s" disabled={busy} onClick={() => onRelease(keyword)}>
                    {t("ops.release")}
                  </Button>
                ) : null}
              </td>
            </tr>
          ))}
        </tbody>
      </table>
      {shown.length < keywords.length ? (
        <button type="button" className="link tbl-all" onClick={() => setAll(true)}>
          {t("table.all", { n: exact(keywords.length) })}
        </button>
      ) : null}
    </>
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
