import { Link } from "react-router";
import { fnv1a32 } from "@/data/colours";
import { keywordPath } from "@/data/token";
import type { KeywordRow } from "@/data/types";
import { exact } from "@/format/numbers";
import { useT } from "@/i18n/I18n";
import { Badge } from "../Badge/Badge";
import { Button } from "../Button/Button";
import { Dot } from "../Dot/Dot";
import "../Table/Table.css";
import "./KeywordStatus.css";

const ORDER = { quarantined: 0, catching_up: 1, live: 2 } as const;

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
  shards,
  busy,
  onRelease,
}: {
  keywords: readonly KeywordRow[];
  shards: number;
  busy: boolean;
  onRelease: (keyword: string) => void;
}) {
  const t = useT();
  const sorted = [...keywords].sort(
    (a, b) => ORDER[a.status] - ORDER[b.status] || b.lag - a.lag || b.tweets - a.tweets,
  );
  return (
    <table className="tbl status-table">
      <thead>
        <tr>
          <th scope="col">{t("col.keyword")}</th>
          <th scope="col">{t("col.status")}</th>
          <th scope="col" className="n">
            {t("col.lag")}
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
        {sorted.map(({ keyword, token, status, lag, tweets }) => (
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
  );
}
