import { memo, useState } from "react";
import { useNavigate } from "react-router";
import { Button, IconButton } from "@/components/Button/Button";
import { Delta } from "@/components/Delta/Delta";
import { Dialog } from "@/components/Dialog/Dialog";
import { Dot } from "@/components/Dot/Dot";
import { LedgerBadge } from "@/components/Ledger/Ledger";
import { Menu } from "@/components/Menu/Menu";
import { toast } from "@/components/Toast/Toast";
import { tokenOf } from "@/data/token";
import type { KeywordCount, Ledger, Point, Step, Window } from "@/data/types";
import { changeOf, decimal, exact } from "@/format/numbers";
import { day, hour, hourMinute } from "@/format/time";
import { useUntrack } from "@/hooks/useTrack";
import { useLanguage, useT } from "@/i18n/I18n";

/** The name of the keyword, the promise of its ledger, and what can be done with it. */
export const KeywordHead = memo(function KeywordHead({
  keyword,
  ledger,
}: {
  keyword: string;
  ledger: Ledger | undefined;
}) {
  const t = useT();
  const navigate = useNavigate();
  const [removing, setRemoving] = useState(false);
  const untrack = useUntrack(() => void navigate("/"));
  return (
    <div className="khead">
      <Dot keyword={keyword} large />
      <h1 title={keyword}>
        <bdi>{keyword}</bdi>
      </h1>
      {ledger ? (
        <LedgerBadge ledger={ledger} />
      ) : (
        // Keeps the place, so that nothing moves when the sum comes.
        <span className="badge led-b k-led" aria-hidden="true" />
      )}
      <span className="grow" />
      <span className="row">
        <Button
          className="hide-s"
          icon="compare"
          onClick={() => void navigate(`/compare?keyword=${tokenOf(keyword)}`)}
        >
          {t("kw.compare")}
        </Button>
        <Menu
          label={t("nav.more")}
          trigger={<IconButton icon="more" kind="default" size="m" label={t("nav.more")} />}
          entries={[
            {
              icon: "compare",
              text: t("kw.compare"),
              onSelect: () => void navigate(`/compare?keyword=${tokenOf(keyword)}`),
            },
            {
              icon: "copy",
              text: t("kw.copyname"),
              onSelect: () => {
                void navigator.clipboard?.writeText(keyword);
                toast(t("first.copied"));
              },
            },
            { icon: "trash", text: t("kw.remove"), danger: true, onSelect: () => setRemoving(true) },
          ]}
        />
      </span>
      <Dialog label={t("kw.remove")} open={removing} onClose={() => setRemoving(false)}>
        <h2>{t("kw.remove.title", { keyword })}</h2>
        <p className="t2">{t("kw.remove.body")}</p>
        {untrack.isError ? <p className="errt">{t("err.load")}</p> : null}
        <div className="row">
          <Button onClick={() => setRemoving(false)}>{t("cancel")}</Button>
          <Button kind="danger" disabled={untrack.isPending} onClick={() => untrack.mutate(keyword)}>
            {t("kw.remove")}
          </Button>
        </div>
      </Dialog>
    </div>
  );
});

/** Four figures: how much, how fast, when most, and which rank. */
export const KeywordFigures = memo(function KeywordFigures({
  window,
  zoomed,
  total,
  before,
  rate,
  usual,
  spiking,
  points,
  step,
  rank,
  ranked,
}: {
  window: Window;
  /** Whether the figures are of a chosen stretch instead of the window. */
  zoomed: boolean;
  total: number | undefined;
  before: number | undefined;
  rate: number | undefined;
  usual: number | null | undefined;
  spiking: boolean;
  points: readonly Point[];
  step: Step;
  rank: KeywordCount | undefined;
  ranked: number;
}) {
  const t = useT();
  const language = useLanguage();
  const peak = points.reduce<Point | undefined>(
    (most, point) => (point.count > (most?.count ?? 0) ? point : most),
    undefined,
  );
  const peakAt = peak ? Date.parse(peak.at) : 0;
  const peakTime =
    step === "day" ? "" : step === "hour" ? ` ${hour(peakAt, language)}` : ` ${hourMinute(peakAt)}`;
  return (
    <dl className="kpis">
      <div>
        <dt>{zoomed ? t("cmp.total") : t("k.total", { win: t(`win.${window}`) })}</dt>
        <dd>
          {total === undefined ? "–" : exact(total)}
          {total === undefined || before === undefined ? null : <Delta change={changeOf(total, before)} />}
        </dd>
      </div>
      <div>
        <dt>{t("k.rate")}</dt>
        <dd className={spiking ? "rise" : undefined}>
          {rate === undefined ? "–" : exact(rate)}
          {usual === null || usual === undefined ? null : (
            <small>{t("k.usual", { n: decimal(usual) })}</small>
          )}
        </dd>
      </div>
      <div>
        <dt>{step === "hour" ? t("k.busiest") : t("col.peak")}</dt>
        <dd>
          {peak ? exact(peak.count) : "–"}
          {peak ? <small>{day(peakAt, language) + peakTime}</small> : null}
        </dd>
      </div>
      <div>
        <dt>{t("k.rank", { win: t("win.24h") })}</dt>
        <dd>
          {rank?.rank ?? "–"}
          <small>{t("k.ofn", { n: ranked })}</small>
        </dd>
      </div>
    </dl>
  );
});
