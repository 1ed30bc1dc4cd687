import { useId } from "react";
import type { SourceReport } from "@/data/sources";
import { exact } from "@/format/numbers";
import { isoLocal } from "@/format/time";
import { type Translate, useT } from "@/i18n/I18n";
import { CsvButton, type CsvTable } from "../CsvButton/CsvButton";
import { SourceGaps } from "../SourceGaps/SourceGaps";
import { SourceBackfill } from "./SourceBackfill";
import { SourceFacts } from "./SourceFacts";
import { SourceKeywords } from "./SourceKeywords";
import { SourceLedger } from "./SourceLedger";
import { SourceState } from "./SourceState";
import "@/i18n/gaps";
import "@/i18n/ops";
import "./SourcePanel.css";

const KINDS: Readonly<Record<string, string>> = { x: "X", bluesky: "Bluesky", mastodon: "Mastodon" };

/** One source: its state, the sum of what it sent, its connection, its keywords and its gaps. */
export function SourcePanel({ report, rate }: { report: SourceReport; rate?: number | undefined }) {
  const t = useT();
  const id = useId();
  const { name, kind, state, detail, gaps, backfill } = report;
  const old = state === "gone" || state === "stopped";
  return (
    <article className="src" aria-labelledby={id}>
      <header className="src-h">
        <h3 id={id}>{name}</h3>
        <span className="t3">{kind === "file" ? t("src.kind.file") : (KINDS[kind] ?? kind)}</span>
        <SourceState state={state} retry_at={report.retry_at} />
      </header>
      {detail ? <p className="t2 src-d">{detail}</p> : null}
      {old ? <p className="t3 src-d">{t("src.old")}</p> : null}
      <div className="src-cols">
        <SourceLedger report={report} />
        <SourceFacts report={report} rate={old ? undefined : rate} />
        <div className="src-more">
          <SourceKeywords keywords={report.keywords} />
          {backfill ? <SourceBackfill backfill={backfill} /> : null}
        </div>
      </div>
      {gaps.length > 0 ? (
        <div className="src-gaps">
          <div className="src-gaps-h">
            <h4>
              {t("gap.title")} <span className="n">{exact(gaps.length)}</span>
            </h4>
            <CsvButton panel={`gaps-${name}`} table={() => gapTable(report, t)} />
          </div>
          <SourceGaps gaps={gaps} />
        </div>
      ) : null}
    </article>
  );
}

const gapTable = ({ gaps }: SourceReport, t: Translate): CsvTable => [
  [t("src.from"), t("src.to"), t("src.cause"), t("src.state"), t("src.posts.filled")],
  gaps.map(({ from, to, cause, state, posts }) => [
    isoLocal(Date.parse(from)),
    to === null ? null : isoLocal(Date.parse(to)),
    cause,
    state,
    posts,
  ]),
];
