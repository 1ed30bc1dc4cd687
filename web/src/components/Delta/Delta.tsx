import { type Change, percentText, rankMove } from "@/format/numbers";
import { useLanguage, useT } from "@/i18n/I18n";
import "./Delta.css";

const UP = "M4 1 7.6 7H.4z";
const DOWN = "M4 7 .4 1h7.2z";

function Arrow({ up }: { up: boolean }) {
  return (
    <svg viewBox="0 0 8 8" aria-hidden="true">
      <path d={up ? UP : DOWN} />
    </svg>
  );
}

/** A change of a count in percent. Warm rises, cool falls; the words say it too. */
export function Delta({ change }: { change: Change }) {
  const t = useT();
  const language = useLanguage();
  if (change.kind === "new") return <span className="delta new">{t("rank.new")}</span>;
  if (change.kind === "same") return <Same title={t("delta.same")} />;
  return (
    <span className={`delta ${change.kind}`}>
      <Arrow up={change.kind === "up"} />
      {percentText(change.percent, language)}
      <span className="sr"> {t(change.kind === "up" ? "delta.up" : "delta.down")}</span>
    </span>
  );
}

/** A change of a rank in places. Null when there was no rank before. */
export function RankDelta({ places }: { places: number | null }) {
  const t = useT();
  if (places === null) return <span className="delta new">{t("rank.new")}</span>;
  if (places === 0) return <Same title={t("rank.same")} />;
  const text = t(places > 0 ? "rank.up" : "rank.down", { n: Math.abs(places) });
  return (
    <span className={`delta ${places > 0 ? "up" : "down"}`} title={text}>
      <Arrow up={places > 0} />
      <span aria-hidden="true">{rankMove(places)}</span>
      <span className="sr">{text}</span>
    </span>
  );
}

function Same({ title }: { title: string }) {
  return (
    <span className="delta" title={title}>
      <span aria-hidden="true">–</span>
      <span className="sr">{title}</span>
    </span>
  );
}
