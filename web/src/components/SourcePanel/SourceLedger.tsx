import type { SourceReport } from "@/data/sources";
import { exact } from "@/format/numbers";
import { useT } from "@/i18n/I18n";
import type { Key } from "@/i18n/translate";
import { Badge } from "../Badge/Badge";
import { FlowSum } from "../Ledger/FlowSum";
import "@/i18n/ops";

const PARTS: readonly {
  name: "journaled" | "unmatched" | "duplicate" | "rejected" | "waiting";
  text: Key;
  colour: string;
}[] = [
  { name: "journaled", text: "src.journaled", colour: "var(--tide-line)" },
  { name: "unmatched", text: "src.unmatched", colour: "var(--border-strong)" },
  { name: "duplicate", text: "src.duplicate", colour: "var(--k1)" },
  { name: "rejected", text: "src.rejected", colour: "var(--danger)" },
  { name: "waiting", text: "src.waiting", colour: "var(--k6)" },
];

/** What the sum of the parts lacks of what was received; negative when the parts are more. */
export const lacking = (report: SourceReport) =>
  report.received - PARTS.reduce((sum, { name }) => sum + report[name], 0);

/** What became of everything that a source sent, and whether that is all of it. */
export function SourceLedger({ report }: { report: SourceReport }) {
  const t = useT();
  const off = lacking(report);
  const parts = PARTS.map(({ name, text, colour }) => ({ name: t(text), colour, value: report[name] }));
  return (
    <div className="led src-led">
      <FlowSum
        parts={parts}
        total={report.received}
        totalName={t("src.received")}
        check={off === 0 ? <span className="led-ok">✓</span> : <span className="src-bad">≠</span>}
      />
      <Badge tone={off === 0 ? "tide" : "danger"} icon={off === 0 ? "shield" : "warning"}>
        {off === 0 ? t("src.sum.ok") : t("src.sum.bad", { n: exact(Math.abs(off)) })}
      </Badge>
    </div>
  );
}
