import { type ReactNode, useEffect } from "react";
import { createPortal } from "react-dom";
import { AsOf, type AsOfState, type PanelMoment } from "@/components/AsOf/AsOf";
import { IconButton } from "@/components/Button/Button";
import { CsvButton, type CsvTable } from "@/components/CsvButton/CsvButton";
import { Segmented } from "@/components/Segmented/Segmented";
import { toast } from "@/components/Toast/Toast";
import { TopBar } from "@/components/TopBar/TopBar";
import { useLiveView } from "@/data/live/context";
import { WINDOWS, type Window } from "@/data/types";
import { absolute } from "@/format/time";
import { useShortcut } from "@/hooks/useShortcut";
import { useTick } from "@/hooks/useTick";
import { useUrl } from "@/hooks/useUrl";
import { useLanguage, useT } from "@/i18n/I18n";
import { useUi } from "./ui";

export interface Panel extends PanelMoment {
  epoch: string | undefined;
}

/** A drop of the connection shorter than this only changes the dot. */
const QUIET_MS = 2_000;
const OFFLINE_MS = 10_000;

export function useAsOfState(past: boolean): AsOfState {
  const connection = useLiveView((view) => view.connection);
  const now = useTick(connection.state === "lost");
  if (past) return "past";
  if (connection.state !== "lost") return connection.state;
  const length = now - connection.since;
  if (!navigator.onLine || length > OFFLINE_MS) return "offline";
  return length > QUIET_MS ? "reconnecting" : "dropped";
}

export function WindowControl({ value, onChange }: { value: Window; onChange: (window: Window) => void }) {
  const t = useT();
  const options = WINDOWS.map((window) => ({ value: window, label: t(`win.${window}`) }));
  useShortcut("1", () => onChange("1h"));
  useShortcut("2", () => onChange("24h"));
  useShortcut("3", () => onChange("7d"));
  useShortcut("4", () => onChange("30d"));
  return <Segmented label={t("win.label")} value={value} options={options} onChange={onChange} />;
}

/** The top bar of a page, with sharing and the moment at which its panels stand. */
export function PageBar({
  title,
  heading,
  controls,
  panels,
  at,
  file,
  polledAt,
}: {
  /** The title of the browser's tab. */
  title: string;
  heading: ReactNode;
  controls?: ReactNode;
  panels: readonly Panel[];
  at?: string | undefined;
  /** What the whole page saves as a file. */
  file?: { panel: string; table: () => CsvTable } | undefined;
  /** When a page that polls was last answered. */
  polledAt?: number | undefined;
}) {
  const t = useT();
  const language = useLanguage();
  const { set } = useUrl();
  // The clock shows seconds, so it is drawn once a second.
  const heardAt = useLiveView((view) => view.heardAt && Math.floor(view.heardAt / 1_000) * 1_000);
  const state = useAsOfState(at !== undefined);
  const shown = panels.filter((panel) => panel.seq > 0);
  useEffect(() => {
    document.title = `${title} · tidings`;
  }, [title]);
  const copy = async (url: string) => {
    await navigator.clipboard?.writeText(url);
    toast(t("share.done"), "share");
  };
  const share = () => void copy(location.href);
  const freeze = () => {
    const url = new URL(location.href);
    url.searchParams.set("at", at ?? new Date().toISOString());
    void copy(url.href);
  };
  useShortcut("S", share);
  const moment = at === undefined ? (polledAt ?? heardAt) : Date.parse(at);
  return (
    <>
      <TopBar
        title={heading}
        controls={controls}
        onMenu={() => useUi.setState({ drawer: true })}
        actions={
          <>
            <IconButton icon="share" label={t("share.copy")} onClick={share} />
            <IconButton icon="print" label={t("export.print")} onClick={() => print()} />
            {file ? <CsvButton {...file} /> : null}
            {at === undefined ? null : (
              <button type="button" className="btn sm" onClick={() => set({ at: undefined })}>
                {t("live.backtonow")}
              </button>
            )}
          </>
        }
        phoneAction={<IconButton icon="share" size="m" label={t("share.copy")} onClick={share} />}
        asOf={<AsOf state={state} at={moment} epoch={shown[0]?.epoch} panels={shown} onShare={freeze} />}
      />
      {createPortal(
        // At the end of the document, so that it stands below everything that is printed.
        <p className="print-foot" aria-hidden="true">
          <b>tidings</b>
          <span>{moment === undefined ? "" : t("live.asof", { time: absolute(moment, language) })}</span>
          <span>{location.href}</span>
        </p>,
        document.body,
      )}
    </>
  );
}
