import { lazy, type ReactNode, Suspense, useMemo, useRef, useState } from "react";
import { NavLink } from "react-router";
import { loadAgain } from "@/data/late";
import { keywordPath } from "@/data/token";
import type { KeywordCount, SpikeOfKeyword } from "@/data/types";
import { isOngoing, timesUsual } from "@/format/headline";
import { compact, exact } from "@/format/numbers";
import { useLanguage, useT } from "@/i18n/I18n";
import { IconButton } from "../Button/Button";
import { Dot, useColour } from "../Dot/Dot";
import { HotMark } from "../HotMark/HotMark";
import { Icon } from "../Icon/Icon";
import type { IconName } from "../Icon/shapes";
import { Kbd } from "../Kbd/Kbd";
import { LiveDot, type LiveKind } from "../LiveDot/LiveDot";
import { Sparkline } from "../Sparkline/Sparkline";
import { Logo } from "./Logo";
import "./Sidebar.css";

const LongList = lazy(() => loadAgain(() => import("./LongList")));

/** More keywords than this are drawn only where they are seen. */
const VIRTUAL_FROM = 200;
/** The order follows the counts again after so long without the pointer or the focus inside. */
const RESORT_MS = 600_000;

interface Props {
  keywords: readonly KeywordCount[];
  spikes: readonly SpikeOfKeyword[];
  until: string;
  connection: { kind: LiveKind; text: string };
  /** Controls of language and theme. */
  settings: ReactNode;
  onFind: () => void;
  onAdd: () => void;
  onNavigate?: () => void;
  onCollapse?: (() => void) | undefined;
}

function Page({
  to,
  icon,
  text,
  onNavigate,
}: {
  to: string;
  icon: IconName;
  text: string;
  onNavigate?: (() => void) | undefined;
}) {
  return (
    <NavLink to={to} end onClick={onNavigate}>
      <Icon name={icon} />
      {text}
    </NavLink>
  );
}

/** Orders by count once, then keeps the order, so that nothing moves under the pointer. New keywords come last. */
function useCalmOrder(keywords: readonly KeywordCount[]) {
  const order = useRef<{ names: string[]; touched: number }>({ names: [], touched: 0 });
  const [, touch] = useState(0);
  const sorted = useMemo(() => {
    const held = order.current;
    const known = new Map(keywords.map((keyword) => [keyword.keyword, keyword]));
    const rested = Date.now() - held.touched > RESORT_MS;
    const names = rested
      ? keywords.map(({ keyword }) => keyword)
      : [
          ...held.names.filter((name) => known.has(name)),
          ...keywords.map(({ keyword }) => keyword).filter((name) => !held.names.includes(name)),
        ];
    order.current = { names, touched: keywords.length > 0 && rested ? Date.now() : held.touched };
    return names.flatMap((name) => known.get(name) ?? []);
  }, [keywords]);
  const rest = () => {
    order.current.touched = Date.now();
    touch((count) => count + 1);
  };
  return [sorted, rest] as const;
}

export function Sidebar({
  keywords,
  spikes,
  until,
  connection,
  settings,
  onFind,
  onAdd,
  onNavigate,
  onCollapse,
}: Props) {
  const t = useT();
  const [sorted, touched] = useCalmOrder(keywords);
  const hot = useMemo(
    () =>
      new Map(
        spikes.filter((spike) => isOngoing(spike, until)).map((spike) => [spike.keyword, timesUsual(spike)]),
      ),
    [spikes, until],
  );
  const item = (keyword: KeywordCount) => (
    <KeywordItem
      key={keyword.keyword}
      keyword={keyword}
      times={hot.get(keyword.keyword)}
      onNavigate={onNavigate}
    />
  );
  return (
    <nav className="side" aria-label={t("sidebar.label")}>
      <div className="brand">
        <Logo />
        tidings
        <span className="grow" />
        {onCollapse ? <IconButton icon="collapse" label={t("nav.collapse")} onClick={onCollapse} /> : null}
      </div>
      <button className="find" type="button" onClick={onFind}>
        <Icon name="search" size="s" />
        <span className="grow">{t("nav.find")}</span>
        <Kbd>/</Kbd>
      </button>
      <div className="nav">
        <Page to="/" icon="overview" text={t("nav.overview")} onNavigate={onNavigate} />
        <Page to="/compare" icon="compare" text={t("nav.compare")} onNavigate={onNavigate} />
        <Page to="/ops" icon="pulse" text={t("nav.ops")} onNavigate={onNavigate} />
      </div>
      <h2>
        {t("nav.keywords")}
        <span className="n">{keywords.length}</span>
        <IconButton icon="plus" label={t("kw.add")} onClick={onAdd} />
      </h2>
      {/* biome-ignore lint/a11y/noStaticElementInteractions: it only notices that someone is reading. */}
      <div className="klist" onPointerMove={touched} onFocus={touched}>
        {sorted.length > VIRTUAL_FROM ? (
          <Suspense>
            <LongList items={sorted} render={(row) => item(row as KeywordCount)} />
          </Suspense>
        ) : (
          sorted.map(item)
        )}
      </div>
      <div className="foot">
        <span className="conn">
          <LiveDot kind={connection.kind} />
          <span className="ell">{connection.text}</span>
        </span>
        {settings}
      </div>
    </nav>
  );
}

function KeywordItem({
  keyword,
  times,
  onNavigate,
}: {
  keyword: KeywordCount;
  times: number | undefined;
  onNavigate?: (() => void) | undefined;
}) {
  const t = useT();
  const language = useLanguage();
  const colour = useColour(keyword.keyword);
  return (
    <NavLink to={keywordPath(keyword.keyword)} title={keyword.keyword} onClick={onNavigate}>
      <Dot keyword={keyword.keyword} />
      <span className="nm">
        <span className="ell" aria-hidden="true">
          {keyword.keyword}
        </span>
        <span className="sr">{t("kw.count", { keyword: keyword.keyword, n: exact(keyword.count) })}</span>
        {times === undefined ? null : <HotMark times={times} />}
      </span>
      <span style={{ color: `color-mix(in oklab, ${colour} 75%, var(--t3))` }}>
        <Sparkline values={keyword.spark} width={46} height={16} smooth />
      </span>
      <span className="c n" aria-hidden="true">
        {compact(keyword.count, language)}
      </span>
    </NavLink>
  );
}
