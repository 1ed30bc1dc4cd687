import { Link } from "react-router";
import { keywordPath } from "@/data/token";
import type { SpikeOfKeyword } from "@/data/types";
import { isOngoing, timesUsual } from "@/format/headline";
import { decimal, exact, multiple } from "@/format/numbers";
import { day, hour } from "@/format/time";
import { useLanguage, useT } from "@/i18n/I18n";
import { Badge } from "../Badge/Badge";
import { Dot } from "../Dot/Dot";
import { Empty } from "../Empty/Empty";
import "./SpikeList.css";

/** Spikes of all keywords: how many times the usual, when, and the figures behind it. */
export function SpikeList({ spikes, until }: { spikes: readonly SpikeOfKeyword[]; until: string }) {
  const t = useT();
  const language = useLanguage();
  if (spikes.length === 0) return <Empty icon="check" title={t("spike.none")} />;
  return (
    <ul className="spikes">
      {spikes.map((spike) => {
        const start = Date.parse(spike.start);
        return (
          <li key={spike.keyword + spike.start}>
            <Link to={`${keywordPath(spike.keyword)}?from=${spike.start}&to=${spike.end}`}>
              <span className="hd">
                <Dot keyword={spike.keyword} />
                <span className="ell" title={spike.keyword}>
                  {spike.keyword}
                </span>
                {isOngoing(spike, until) ? <Badge tone="rise">{t("spike.ongoing")}</Badge> : null}
              </span>
              <span className="mult">{t("spike.times", { x: multiple(timesUsual(spike)) })}</span>
              <span className="x">
                {t("spike.bucket", {
                  from: `${day(start, language)} ${hour(start, language)}`,
                  to: hour(Date.parse(spike.end), language),
                  n: exact(spike.count),
                  m: decimal(spike.expected),
                })}
              </span>
            </Link>
          </li>
        );
      })}
    </ul>
  );
}
