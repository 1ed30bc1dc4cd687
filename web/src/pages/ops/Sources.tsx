import { Card } from "@/components/Card/Card";
import { CodeBlock } from "@/components/CodeBlock/CodeBlock";
import { CsvButton, type CsvTable } from "@/components/CsvButton/CsvButton";
import { Empty, Failed } from "@/components/Empty/Empty";
import { Skeleton } from "@/components/Skeleton/Skeleton";
import { SourcePanel } from "@/components/SourcePanel/SourcePanel";
import { type Translate, useT } from "@/i18n/I18n";
import { type RatedReport, useSources } from "./useSources";
import "@/i18n/ops";

/** Where posts come from: each source with its state, its sums and its gaps. */
export function Sources() {
  const t = useT();
  const { sources, error, retry } = useSources();
  const some = sources !== undefined && sources.length > 0;
  return (
    <Card
      flush
      className="c12"
      title={t("src.title")}
      sub={sources ? <span className="n">{sources.length}</span> : null}
      actions={some ? <CsvButton panel="sources" table={() => sourceTable(sources, t)} /> : null}
    >
      {some ? (
        sources.map(({ report, rate }) => <SourcePanel key={report.name} report={report} rate={rate} />)
      ) : sources ? (
        <NoSource />
      ) : error ? (
        <Failed detail={error} onRetry={retry} />
      ) : (
        <Skeleton lines={6} />
      )}
    </Card>
  );
}

function NoSource() {
  const t = useT();
  const text = [
    `# ${t("src.empty.alone")}`,
    `tidings collect bluesky --server ${location.origin}`,
    "",
    `# ${t("src.empty.inside")}`,
    "tidings serve --set sources.bluesky.enabled=true",
  ].join("\n");
  return (
    <div className="ops-nosrc">
      <Empty title={t("src.empty")}>{t("src.empty.body")}</Empty>
      <CodeBlock label={t("src.empty.command")} text={text} />
    </div>
  );
}

const sourceTable = (sources: readonly RatedReport[], t: Translate): CsvTable => [
  [
    t("src.name"),
    t("ops.kind"),
    t("src.state"),
    t("src.received"),
    t("src.journaled"),
    t("src.unmatched"),
    t("src.duplicate"),
    t("src.rejected"),
    t("src.waiting"),
    t("src.reconnects"),
    t("gap.title"),
  ],
  sources.map(({ report }) => [
    report.name,
    report.kind,
    report.state,
    report.received,
    report.journaled,
    report.unmatched,
    report.duplicate,
    report.rejected,
    report.waiting,
    report.reconnects,
    report.gaps.length,
  ]),
];
