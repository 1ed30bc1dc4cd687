import type { ReactNode } from "react";
import type { SourceReport } from "@/data/sources";
import { exact } from "@/format/numbers";
import { useT } from "@/i18n/I18n";
import { KeyValue } from "../KeyValue/KeyValue";
import "@/i18n/ops";

/** A source may have no room for hundreds of keywords. */
const MAX_NAMED = 20;

/** The keywords of a source, and those that it does not find, or only in part. */
export function SourceKeywords({ keywords }: { keywords: SourceReport["keywords"] }) {
  const t = useT();
  const { tracked, pending, refused, narrow } = keywords;
  return (
    <div className="src-kw">
      <KeyValue rows={[[t("src.tracked"), exact(tracked)]]} />
      <Named title={t("src.pending")} items={pending} />
      <Named
        title={t("src.refused")}
        items={refused.map(({ keyword, reason }) => (
          <>
            {keyword} <span className="t3">{reason}</span>
          </>
        ))}
        lines
      />
      <Named title={t("src.narrow")} help={t("src.narrow.help")} items={narrow} />
    </div>
  );
}

function Named({
  title,
  help,
  items,
  lines = false,
}: {
  title: string;
  help?: string;
  items: readonly ReactNode[];
  /** Whether each item has a line of its own. */
  lines?: boolean;
}) {
  const t = useT();
  if (items.length === 0) return null;
  const more = items.length - MAX_NAMED;
  return (
    <div>
      <h4>
        {title} <span className="n">{exact(items.length)}</span>
      </h4>
      {help ? <p className="t3">{help}</p> : null}
      <ul className={lines ? "src-lines" : "src-names"}>
        {items.slice(0, MAX_NAMED).map((item, index) => (
          <li key={index}>{item}</li>
        ))}
        {more > 0 ? <li className="t3">{t("src.more", { n: exact(more) })}</li> : null}
      </ul>
    </div>
  );
}
