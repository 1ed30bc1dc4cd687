import { exact } from "@/format/numbers";
import { absolute, clock, dayAndTime } from "@/format/time";
import { useLanguage, useT } from "@/i18n/I18n";
import { Button } from "../Button/Button";
import { LiveDot, type LiveKind } from "../LiveDot/LiveDot";
import { Popover } from "../Popover/Popover";
import "../Ledger/Ledger.css";
import "./AsOf.css";

/** `dropped` is a connection that has just been lost, and may be back before anyone notices. */
export type AsOfState = "live" | "dropped" | "connecting" | "reconnecting" | "stale" | "offline" | "past";

/** The moment at which a panel stands. */
export interface PanelMoment {
  name: string;
  seq: number;
}

const DOTS: Record<AsOfState, LiveKind> = {
  live: "live",
  dropped: "wait",
  connecting: "wait",
  reconnecting: "wait",
  stale: "stale",
  offline: "off",
  past: "stale",
};

interface Props {
  state: AsOfState;
  /** When the shown data came, or the moment in the past that is shown. */
  at: number | undefined;
  epoch?: string | undefined;
  panels: readonly PanelMoment[];
  onShare: () => void;
}

const TEXTS = {
  live: "live.asof",
  dropped: "live.asof",
  reconnecting: "asof.reconnecting",
  stale: "asof.stale",
  offline: "asof.offline",
  past: "asof.past",
} as const;

/** The one clock of a page: all its figures stand at this moment. */
export function AsOf({ state, at, epoch, panels, onShare }: Props) {
  const t = useT();
  const language = useLanguage();
  const kind = state === "connecting" || at === undefined ? "connecting" : state;
  const time = at === undefined ? "" : kind === "past" ? dayAndTime(at, language) : clock(at);
  const text = kind === "connecting" ? t("live.connecting") : t(TEXTS[kind], { time });
  const [before, after] = time ? text.split(time) : [text, ""];
  const newest = panels.reduce((most, { seq }) => Math.max(most, seq), 0);
  const trigger = (
    <button type="button" className="asof" title={t("live.asof.title")}>
      <LiveDot kind={DOTS[kind]} />
      <span className="ell">
        {before}
        <b>{time}</b>
        {after}
      </span>
    </button>
  );
  return (
    <Popover trigger={trigger} width={310} label={t("live.asof.title")}>
      <div className="led">
        <h3>{t("live.asof.title")}</h3>
        <dl>
          <dt>{t("asof.moment")}</dt>
          <dd>{at === undefined ? "–" : absolute(at, language)}</dd>
          <dt>{t("live.seq")}</dt>
          <dd>{newest > 0 ? exact(newest) : "–"}</dd>
          <dt>{t("asof.epoch")}</dt>
          <dd className="mono">{epoch?.slice(0, 8) ?? "–"}</dd>
          {panels.map(({ name, seq }) => (
            <div className="led-p" key={name}>
              <dt>{name}</dt>
              <dd>{exact(seq)}</dd>
            </div>
          ))}
        </dl>
        <Button size="s" icon="clock" onClick={onShare}>
          {t("share.freeze")}
        </Button>
      </div>
    </Popover>
  );
}
