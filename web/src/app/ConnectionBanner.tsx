import { Banner } from "@/components/Banner/Banner";
import { Button } from "@/components/Button/Button";
import { useLive, useLiveView } from "@/data/live/context";
import { exact } from "@/format/numbers";
import { clock } from "@/format/time";
import { useTick } from "@/hooks/useTick";
import { useT } from "@/i18n/I18n";
import { useBehind } from "./useBehind";

const QUIET_MS = 2_000;
const RESUMED_MS = 4_000;

/** Says the truth about the connection, where there is something to say. */
export function ConnectionBanner() {
  const t = useT();
  const live = useLive();
  const connection = useLiveView((view) => view.connection);
  const heardAt = useLiveView((view) => (view.connection.state === "lost" ? view.heardAt : undefined));
  const resumed = useLiveView((view) => view.resumed);
  const now = useTick(
    connection.state === "lost" || (resumed !== undefined && Date.now() - resumed.at < RESUMED_MS),
  );
  const behind = useBehind();
  const retry = (
    <Button size="s" onClick={() => live.reconnectNow()}>
      {t("live.retrynow")}
    </Button>
  );
  let banner = null;
  let spoken = "";
  if (connection.state === "lost" && now - connection.since > QUIET_MS) {
    const seconds = Math.max(1, Math.ceil((connection.retryAt - now) / 1_000));
    if (!Number.isFinite(connection.retryAt)) {
      spoken = t("live.code", { n: connection.code });
      banner = (
        <Banner tone="danger" icon="offline" action={retry}>
          {t("live.code", { n: connection.code })}
        </Banner>
      );
    } else if (!navigator.onLine) {
      spoken = t("live.offline");
      banner = (
        <Banner tone="danger" icon="offline" action={retry}>
          {t("live.offline")}. {t("live.offline.body", { time: heardAt ? clock(heardAt) : "–" })}
        </Banner>
      );
    } else {
      spoken = t(connection.restart ? "live.restart" : "live.reconnecting");
      banner = (
        <Banner tone="warn" icon="clock" action={retry}>
          {connection.restart ? t("live.restart") : t("live.retryin", { n: seconds })}
        </Banner>
      );
    }
  } else if (connection.state === "live" && resumed && now - resumed.at < RESUMED_MS) {
    spoken = resumed.fresh ? t("live.resnapshot") : t("live.resumed", { n: resumed.missed });
    banner = (
      <Banner tone="tide" icon="check">
        {spoken}
      </Banner>
    );
  }
  if (!banner && behind > 0 && connection.state !== "lost") {
    spoken = t("ops.catching");
    banner = (
      <Banner tone="warn" icon="clock">
        {t("live.behind", { n: exact(behind) })}
      </Banner>
    );
  }
  return (
    <>
      <div className={banner ? "conn-banner" : undefined}>{banner}</div>
      {/* What is read out has no countdown, which would be read out every second. */}
      <span className="sr" role="status">
        {spoken}
      </span>
    </>
  );
}
