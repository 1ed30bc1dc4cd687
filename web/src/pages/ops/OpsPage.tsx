import { useMutation, useQueryClient } from "@tanstack/react-query";
import { useState } from "react";
import { PageBar } from "@/app/PageBar";
import { PageBody } from "@/app/PageBody";
import { Badge } from "@/components/Badge/Badge";
import { Banner } from "@/components/Banner/Banner";
import { Button } from "@/components/Button/Button";
import { Card } from "@/components/Card/Card";
import { CsvButton, type CsvTable } from "@/components/CsvButton/CsvButton";
import { Dialog } from "@/components/Dialog/Dialog";
import { Failed } from "@/components/Empty/Empty";
import { KeyValue } from "@/components/KeyValue/KeyValue";
import { KeywordStatus } from "@/components/KeywordStatus/KeywordStatus";
import { LedgerSum } from "@/components/Ledger/Ledger";
import { RateChart } from "@/components/RateChart/RateChart";
import { ShardLag, type ShardState } from "@/components/ShardLag/ShardLag";
import { Skeleton } from "@/components/Skeleton/Skeleton";
import { Stat } from "@/components/Stat/Stat";
import { ApiError, api } from "@/data/api/client";
import { quantile } from "@/data/metrics";
import type { Ready } from "@/data/ready";
import type { KeywordRow, Ledger as LedgerOfAll } from "@/data/types";
import { compact, exact } from "@/format/numbers";
import { hourMinute, isoLocal } from "@/format/time";
import { Text, useLanguage, useT } from "@/i18n/I18n";
import { Sources } from "./Sources";
import { useOps } from "./useOps";
import "@/components/Headline/Headline.css";
import "@/i18n/ops";
import "./ops.css";

export default function OpsPage() {
  const t = useT();
  const ops = useOps();
  const { ready, shards, keywords, ledger, metrics, error } = ops;
  const title = t("ops.title");
  return (
    <>
      <PageBar
        title={title}
        heading={<h1>{title}</h1>}
        polledAt={ops.at}
        panels={[{ name: t("ops.journal"), seq: ledger?.as_of ?? 0, epoch: ledger?.epoch }]}
        file={keywords ? { panel: "status", table: () => statusTable(keywords, t) } : undefined}
      />
      <PageBody>
        {ready ? (
          <Sentence ready={ready} shards={shards} />
        ) : (
          <div className="headline ops-hl">{error ? <Failed detail={error} /> : <Skeleton lines={2} />}</div>
        )}
        {ready?.causes?.map((cause) => (
          <div className="ops-cause" key={cause}>
            <Banner tone="danger" icon="warning">
              {t("ops.cause")}: {cause}
            </Banner>
          </div>
        ))}
        <div className="cols">
          <Card
            className="c8"
            title={t("ops.lag.shard")}
            sub={t("ops.lag.sub")}
            actions={<CsvButton panel="shards" table={() => shardTable(shards, t)} />}
          >
            {shards.length > 0 ? (
              <ShardLag shards={shards} />
            ) : (
              <ul className="shards ops-load" aria-hidden="true" />
            )}
            <p className="t3 ops-help">{t("ops.lag.help")}</p>
          </Card>
          <Journal
            ready={ready}
            epoch={ledger?.epoch}
            tracked={keywords?.length}
            commit={metrics && quantile(metrics, "tidings_commit_seconds", 0.99)}
          />
          <Received rates={ops.received} />
          <Card className="c4" title={t("ops.sessions")}>
            <Stat value={sessions(metrics)} />
            <div className="ops-kv">
              <KeyValue
                rows={[
                  [t("ops.slow"), exact(sum(metrics, "tidings_live_closed_total", "slow"))],
                  [t("ops.out"), exact(Math.round(ops.sent.at(-1)?.value ?? 0))],
                  [t("ops.bytes"), `${exact(Math.round((ops.bytes.at(-1)?.value ?? 0) / 1_000))} kB`],
                  [t("ops.snaps"), exact(metrics?.get("tidings_live_snapshots_total") ?? 0)],
                ]}
              />
            </div>
          </Card>
          <Sources />
          <Status ops={ops} />
          <Card
            flush
            className="c4"
            title={t("ops.ledger")}
            sub={t("ops.sum")}
            actions={ledger ? <CsvButton panel="ledger" table={() => ledgerTable(ledger, t)} /> : null}
          >
            {ledger ? <LedgerSum ledger={ledger} titled={false} /> : <Skeleton lines={6} />}
          </Card>
        </div>
      </PageBody>
    </>
  );
}

type T = ReturnType<typeof useT>;

const statusTable = (keywords: readonly KeywordRow[], t: T): CsvTable => [
  [t("col.keyword"), t("col.status"), t("col.lag"), t("col.tweets")],
  keywords.map(({ keyword, status, lag, tweets }) => [keyword, status, lag, tweets]),
];

const shardTable = (shards: readonly ShardState[], t: T): CsvTable => [
  [t("ops.shard"), t("live.seq"), t("ops.lag")],
  shards.map(({ shard, position, lag }) => [shard, position, lag]),
];

const rateTable = (rates: ReturnType<typeof useOps>["received"], t: T): CsvTable => [
  [t("chart.time"), t("ops.in")],
  rates.map(({ at, value }) => [isoLocal(at), Math.round(value * 10) / 10]),
];

const ledgerTable = (ledger: LedgerOfAll, t: T): CsvTable => [
  [
    t("led.journaled"),
    t("led.folded"),
    t("led.duplicate"),
    t("led.ignored"),
    t("led.rejected"),
    t("led.deleted"),
  ],
  [[ledger.journaled, ledger.folded, ledger.duplicate, ledger.ignored, ledger.rejected, ledger.deleted]],
];

type Metrics = ReturnType<typeof useOps>["metrics"];

const sessions = (metrics: Metrics) =>
  metrics?.get('tidings_actors_alive{kind="session"}') ?? metrics?.get("tidings_http_connections") ?? 0;

/** The sum of the samples of a counter whose labels hold a text. */
function sum(metrics: Metrics, name: string, label: string): number {
  let total = 0;
  for (const [key, value] of metrics ?? []) if (key.startsWith(name) && key.includes(label)) total += value;
  return total;
}

function Sentence({ ready, shards }: { ready: Ready; shards: readonly ShardState[] }) {
  const t = useT();
  const behind = shards.filter(({ lag }) => lag > 0);
  const worst = [...behind].sort((a, b) => b.lag - a.lag)[0];
  const quarantined = ready.quarantined?.length ?? 0;
  return (
    <div className="headline">
      <p>
        {worst ? (
          <Text
            k="ops.hl.behind"
            values={{
              n: shards.length - behind.length,
              s: worst.shard,
              m: { word: exact(worst.lag), node: <span className="ops-warn">{exact(worst.lag)}</span> },
            }}
          />
        ) : (
          t("ops.hl.ok")
        )}
      </p>
      <p>{quarantined > 0 ? t("ops.hl.q", { n: quarantined }) : t("ops.noquar")}</p>
    </div>
  );
}

function Journal({
  ready,
  epoch,
  tracked,
  commit,
}: {
  ready: Ready | undefined;
  epoch: string | undefined;
  tracked: number | undefined;
  commit: number | undefined;
}) {
  const t = useT();
  const synced = ready?.durability === "synced";
  return (
    <Card className="c4" title={t("ops.journal")}>
      <KeyValue
        rows={[
          [t("ops.kind"), ready?.journal ?? "–"],
          [t("live.seq"), ready?.head === undefined ? "–" : exact(ready.head)],
          [t("asof.epoch"), <code key="epoch">{epoch?.slice(0, 8) ?? "–"}</code>],
          [t("ops.tracked"), tracked === undefined ? "–" : exact(tracked)],
          [`${t("ops.commit")} (p99)`, commit === undefined ? "–" : `≤ ${commit} s`],
          [
            synced ? t("ops.power.synced") : t("ops.power.other"),
            <Badge key="grade" tone={synced ? "tide" : "warn"} icon={synced ? "check" : "warning"}>
              {ready?.durability ?? "–"}
            </Badge>,
          ],
        ]}
      />
    </Card>
  );
}

function Received({ rates }: { rates: ReturnType<typeof useOps>["received"] }) {
  const t = useT();
  const peak = rates.reduce(
    (most, rate) => (rate.value > most.value ? rate : most),
    rates[0] ?? { at: 0, value: 0 },
  );
  return (
    <Card
      className="c8"
      title={t("ops.in")}
      sub={t("ops.recent")}
      actions={<CsvButton panel="received" table={() => rateTable(rates, t)} />}
    >
      <div className="ops-stat">
        <Stat
          value={Math.round(rates.at(-1)?.value ?? 0)}
          compared={
            rates.length > 1
              ? t("ops.peak", { n: exact(Math.round(peak.value)), time: hourMinute(peak.at) })
              : undefined
          }
        />
      </div>
      <RateChart rates={rates} label={t("ops.in")} />
    </Card>
  );
}

function Status({ ops }: { ops: ReturnType<typeof useOps> }) {
  const t = useT();
  const language = useLanguage();
  const client = useQueryClient();
  const release = useMutation({
    mutationFn: async (keyword: string) => {
      const { response } = await api.POST("/api/v1/keywords/{token}/release", {
        params: { path: { token: keyword } },
      });
      if (!response.ok) throw new ApiError(response.status, undefined, undefined);
    },
    onSettled: () => client.invalidateQueries({ queryKey: ["keywords"] }),
  });
  const [asked, setAsked] = useState<string | undefined>(undefined);
  const rows = ops.keywords;
  const quarantined = rows?.filter(({ status }) => status === "quarantined") ?? [];
  return (
    <Card
      flush
      className="c8"
      title={t("ops.status")}
      sub={rows ? <span className="n">{compact(rows.length, language)}</span> : null}
    >
      {rows ? (
        <KeywordStatus
          keywords={rows}
          ledgers={ops.ledgers}
          shards={ops.shards.length}
          busy={release.isPending}
          onRelease={setAsked}
        />
      ) : (
        <Skeleton lines={8} />
      )}
      <Dialog label={t("ops.release")} open={asked !== undefined} onClose={() => setAsked(undefined)}>
        <h2>{t("ops.release.title", { keyword: asked ?? "" })}</h2>
        <p className="t2">{t("ops.quarantine.body")}</p>
        <div className="row">
          <Button onClick={() => setAsked(undefined)}>{t("cancel")}</Button>
          <Button
            kind="primary"
            onClick={() => {
              if (asked !== undefined) release.mutate(asked);
              setAsked(undefined);
            }}
          >
            {t("ops.release")}
          </Button>
        </div>
      </Dialog>
      {quarantined.map(({ keyword }) => (
        <div className="ops-quar" key={keyword}>
          <Banner tone="danger" icon="warning">
            <b>{keyword}</b> · {t("ops.quarantine.body")}
          </Banner>
        </div>
      ))}
    </Card>
  );
}
