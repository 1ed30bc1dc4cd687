import type { ReactNode } from "react";
import type { SourceReport } from "@/data/sources";
import { decimal, exact } from "@/format/numbers";
import { clock } from "@/format/time";
import { type Translate, useT } from "@/i18n/I18n";
import { KeyValue } from "../KeyValue/KeyValue";
import { RelativeTime } from "../RelativeTime/RelativeTime";
import "@/i18n/ops";

const dollars = (usd: number) =>
  `$${usd.toLocaleString("en-US", { minimumFractionDigits: 2, maximumFractionDigits: 2 })}`;

const time = (at: string | null) => (at === null ? "–" : <RelativeTime at={at} />);

function limitText({ limit, remaining, reset }: NonNullable<SourceReport["rate"]>, t: Translate): string {
  const values = { n: exact(remaining), limit: exact(limit) };
  return reset === null
    ? t("src.limit.of", values)
    : t("src.limit.reset", { ...values, time: clock(Date.parse(reset)) });
}

/** The connection of a source, and what it costs. What a kind of source does not have is left out. */
export function SourceFacts({ report, rate }: { report: SourceReport; rate: number | undefined }) {
  const t = useT();
  const { cost } = report;
  const rows: (readonly [ReactNode, ReactNode])[] = [
    [t("src.rate"), rate === undefined ? "–" : decimal(rate)],
    [t("src.lastpost"), time(report.last_post_at)],
    [t("src.lastbyte"), time(report.last_byte_at)],
    [t("src.connected"), time(report.connected_at)],
    [t("src.reconnects"), exact(report.reconnects)],
    [t("src.control"), exact(report.control)],
    [t("src.requests"), exact(report.requests)],
  ];
  if (report.rate) rows.push([t("src.limit"), limitText(report.rate, t)]);
  if (report.kind === "x") rows.push([t("src.rules"), exact(report.rules)]);
  if (cost)
    rows.push(
      [t("src.cost.posts"), exact(cost.posts)],
      [t("src.cost.month"), dollars(cost.month_usd)],
      [t("src.cost.all"), dollars(cost.usd)],
    );
  return <KeyValue rows={rows} />;
}
