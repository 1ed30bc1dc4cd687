import type { Ledger as LedgerData } from "@/data/types";
import { exact } from "@/format/numbers";
import { useT } from "@/i18n/I18n";
import type { Key } from "@/i18n/translate";
import { Icon } from "../Icon/Icon";
import { Popover } from "../Popover/Popover";
import "../Badge/Badge.css";
import { FlowSum } from "./FlowSum";
import "./Ledger.css";

const PARTS: readonly { name: "folded" | "duplicate" | "ignored" | "rejected"; text: Key; colour: string }[] =
  [
    { name: "folded", text: "led.folded", colour: "var(--tide-line)" },
    { name: "duplicate", text: "led.duplicate", colour: "var(--k1)" },
    { name: "ignored", text: "led.ignored", colour: "var(--border-strong)" },
    { name: "rejected", text: "led.rejected", colour: "var(--danger)" },
  ];

export const missing = (ledger: LedgerData) =>
  ledger.journaled - PARTS.reduce((sum, { name }) => sum + ledger[name], 0);

/** A promise as a badge, and its proof: what was received is the sum of what became of it. */
export function LedgerBadge({ ledger }: { ledger: LedgerData }) {
  const t = useT();
  const open = missing(ledger);
  const sum = exact(ledger.journaled - open);
  const trigger = (
    <button type="button" className={open === 0 ? "badge tide led-b" : "badge warn led-b"}>
      <Icon name={open === 0 ? "shield" : "warning"} size="s" />
      {open === 0 ? t("led.ok") : t("led.bad", { n: exact(open) })}
      <span className="n">
        {exact(ledger.journaled)} {open === 0 ? "=" : "≠"} {sum}
      </span>
    </button>
  );
  return (
    <Popover trigger={trigger} width={330} label={t("led.title")}>
      <LedgerSum ledger={ledger} />
    </Popover>
  );
}

export function LedgerSum({ ledger, titled = true }: { ledger: LedgerData; titled?: boolean }) {
  const t = useT();
  const open = missing(ledger);
  const parts = PARTS.map(({ name, text, colour }) => ({ name: t(text), colour, value: ledger[name] }));
  return (
    <div className="led">
      {titled ? <h3>{t("led.title")}</h3> : null}
      <p className="t2 led-s">
        {open === 0 ? t("led.ok.body", { n: exact(ledger.journaled) }) : t("led.bad", { n: exact(open) })}
      </p>
      <FlowSum
        parts={open > 0 ? [...parts, { name: t("led.pending"), colour: "var(--warn)", value: open }] : parts}
        total={ledger.journaled}
        totalName={t("led.journaled")}
        check={open === 0 ? <span className="led-ok">✓</span> : null}
      />
      <p className="t3 led-n">
        {open === 0 ? `${t("led.sum")} · ` : ""}
        {t("led.deleted")} {exact(ledger.deleted)}
      </p>
    </div>
  );
}
