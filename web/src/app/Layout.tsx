import { Suspense, useEffect, useMemo } from "react";
import { Outlet, useLocation, useNavigate } from "react-router";
import { KeywordColours } from "@/components/Dot/Dot";
import { FindPalette } from "@/components/FindPalette/FindPalette";
import type { LiveKind } from "@/components/LiveDot/LiveDot";
import { Shell } from "@/components/Shell/Shell";
import { Sidebar } from "@/components/Sidebar/Sidebar";
import { Skeleton } from "@/components/Skeleton/Skeleton";
import { Toasts } from "@/components/Toast/Toast";
import { assignSlots } from "@/data/colours";
import { keywordPath } from "@/data/token";
import { useOverview } from "@/hooks/topics";
import { useShortcut } from "@/hooks/useShortcut";
import { trackError, useTrack } from "@/hooks/useTrack";
import { useT } from "@/i18n/I18n";
import { Boundary } from "./Boundary";
import { HelpDialog } from "./HelpDialog";
import { useAsOfState } from "./PageBar";
import { Settings } from "./Settings";
import { useUi } from "./ui";

const DOTS: Record<string, LiveKind> = {
  dropped: "wait",
  live: "live",
  connecting: "wait",
  reconnecting: "wait",
  stale: "stale",
  offline: "off",
};
const NAMES = {
  dropped: "live.on",
  live: "live.on",
  connecting: "live.connecting",
  reconnecting: "live.reconnecting",
  stale: "live.on",
  offline: "live.offline",
  past: "live.on",
} as const;

/** What all pages share: sidebar, palette, colours, and the state of the connection. */
export function Layout() {
  const t = useT();
  const navigate = useNavigate();
  const location = useLocation();
  const { drawer, palette, collapsed } = useUi();
  const overview = useOverview("24h").data;
  const track = useTrack();
  const state = useAsOfState(false);
  const keywords = overview?.keywords;
  // Colours change only with the set of keywords, not with their counts.
  const names =
    keywords
      ?.map(({ keyword }) => keyword)
      .sort()
      .join("\n") ?? "";
  // biome-ignore lint/correctness/useExhaustiveDependencies: the names stand for the keywords.
  const slots = useMemo(() => assignSlots(keywords ?? []), [names]);
  useShortcut("/", () => useUi.setState({ palette: "find" }));
  useShortcut("n", () => useUi.setState({ palette: "add" }));
  useShortcut("?", () => useUi.setState({ help: true }), true);
  useEffect(() => {
    if (location.pathname) scrollTo(0, 0);
  }, [location.pathname]);

  const close = () => {
    useUi.setState({ palette: undefined });
    track.reset();
  };
  const open = (keyword: string) => {
    close();
    void navigate(keywordPath(keyword));
  };
  const sidebar = (inDrawer: boolean) => (
    <Sidebar
      keywords={keywords ?? []}
      spikes={overview?.spikes ?? []}
      until={overview?.until ?? ""}
      connection={{ kind: DOTS[state] ?? "live", text: t(NAMES[state]) }}
      settings={<Settings />}
      onFind={() => useUi.setState({ palette: "find", drawer: false })}
      onAdd={() => useUi.setState({ palette: "add", drawer: false })}
      onNavigate={() => useUi.setState({ drawer: false })}
      onCollapse={inDrawer ? undefined : () => useUi.setState({ collapsed: true })}
    />
  );
  return (
    <KeywordColours value={slots}>
      <Shell
        sidebar={sidebar(false)}
        drawer={drawer ? sidebar(true) : null}
        drawerOpen={drawer}
        collapsed={collapsed}
        onDrawerClose={() => useUi.setState({ drawer: false })}
      >
        <Suspense
          fallback={
            <div className="page">
              <Skeleton lines={6} />
            </div>
          }
        >
          <Boundary place={location.pathname}>
            <Outlet />
          </Boundary>
        </Suspense>
      </Shell>
      <FindPalette
        mode={palette}
        keywords={keywords?.map(({ keyword }) => keyword) ?? []}
        error={track.isError ? t(trackError(track.error)) : undefined}
        busy={track.isPending}
        onOpen={open}
        onAdd={(text) => track.mutate(text, { onSuccess: ({ keyword }) => open(keyword) })}
        onClose={close}
      />
      <HelpDialog />
      <Toasts />
    </KeywordColours>
  );
}
