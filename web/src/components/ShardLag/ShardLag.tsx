import type { Shard } from "@/data/types";
import { exact } from "@/format/numbers";
import { useT } from "@/i18n/I18n";
import "@/i18n/ops";
import "./ShardLag.css";

/** A lag of so many records fills the bar. Lower bars are better. */
const FULL = 160;
const LOWEST_PERCENT = 4;

export interface ShardState extends Shard {
  /** Behind, and not moving for ten seconds. */
  stalled: boolean;
}

export function ShardLag({ shards }: { shards: readonly ShardState[] }) {
  const t = useT();
  const scale = Math.max(FULL, ...shards.map(({ lag }) => lag));
  return (
    <ul className="shards" aria-label={t("ops.lag.shard")}>
      {shards.map(({ shard, lag, stalled }) => (
        <li
          key={shard}
          className={stalled ? "x" : lag > 0 ? "w" : ""}
          title={`${t("ops.shard")} ${shard}: ${exact(lag)}`}
        >
          <span className="bx">
            <i style={{ height: `${Math.max(LOWEST_PERCENT, (lag / scale) * 100)}%` }} />
          </span>
          <span aria-hidden="true">{shard}</span>
          <span className="sr">
            {t("ops.shard")} {shard}, {t("ops.lag")} {exact(lag)}
          </span>
        </li>
      ))}
    </ul>
  );
}
