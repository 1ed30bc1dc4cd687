import type { SourceReport } from "@/data/sources";
import { exact } from "@/format/numbers";
import { dayAndTime } from "@/format/time";
import { type Translate, useLanguage, useT } from "@/i18n/I18n";
import { Badge } from "../Badge/Badge";
import "@/i18n/gaps";
import "@/i18n/ops";

/** 40초 · 12분 · 3시간 5분 */
export function duration(seconds: number, t: Translate): string {
  if (seconds < 60) return t("src.duration.s", { n: Math.ceil(seconds) });
  const minutes = Math.round(seconds / 60);
  if (minutes < 60) return t("src.duration.m", { n: minutes });
  return t("src.duration.h", { h: exact(Math.floor(minutes / 60)), m: minutes % 60 });
}

/** How far the fetching of older posts is. */
export function SourceBackfill({ backfill }: { backfill: NonNullable<SourceReport["backfill"]> }) {
  const t = useT();
  const language = useLanguage();
  const { from, to, done, posts, requests, eta_seconds: eta } = backfill;
  return (
    <div>
      <h4>{t("src.backfill")}</h4>
      <Badge tone={done ? "tide" : "plain"} icon={done ? "check" : "download"}>
        {done ? t("src.backfill.done") : t("src.backfill.running")}
        {done || eta === null ? "" : ` · ${t("src.backfill.eta", { time: duration(eta, t) })}`}
      </Badge>
      <p className="t2 n">
        {t("src.backfill.range", {
          from: dayAndTime(Date.parse(from), language),
          to: to === null ? t("gap.now") : dayAndTime(Date.parse(to), language),
        })}
      </p>
      <p className="t2 n">{t("src.backfill.count", { n: exact(posts), r: exact(requests) })}</p>
    </div>
  );
}
