import { QueryClient, QueryClientProvider } from "@tanstack/react-query";
import { lazy, StrictMode } from "react";
import { createRoot } from "react-dom/client";
import { BrowserRouter, Route, Routes } from "react-router";
import "pretendard/dist/web/variable/pretendardvariable-dynamic-subset.css";
import "@/styles/tokens.css";
import "@/styles/base.css";
import { ApiError } from "@/data/api/client";
import { loadAgain } from "@/data/late";
import { LiveProvider } from "@/data/live/context";
import { startLive } from "@/data/live/first";
import { READY_KEY, readReady } from "@/data/ready";
import { LanguageProvider } from "@/i18n/I18n";
import { loadLanguage } from "@/i18n/translate";
import { Layout } from "./Layout";
import { applyUi, useUi } from "./ui";

const pages = {
  overview: () => import("@/pages/overview/OverviewPage"),
  keyword: () => import("@/pages/keyword/KeywordPage"),
  compare: () => import("@/pages/compare/ComparePage"),
  ops: () => import("@/pages/ops/OpsPage"),
  notFound: () => import("@/pages/not-found/NotFoundPage"),
};
const OverviewPage = lazy(() => loadAgain(pages.overview));
const KeywordPage = lazy(() => loadAgain(pages.keyword));
const ComparePage = lazy(() => loadAgain(pages.compare));
const OpsPage = lazy(() => loadAgain(pages.ops));
const NotFoundPage = lazy(() => loadAgain(pages.notFound));

/** Asks for the code of the first page at once, side by side with the texts, and not after them. */
function preloadPage({ pathname }: Location): void {
  const page =
    pathname === "/"
      ? pages.overview
      : pathname.startsWith("/k/")
        ? pages.keyword
        : pathname === "/compare"
          ? pages.compare
          : pathname === "/ops"
            ? pages.ops
            : undefined;
  // What fails here is loaded again where it is drawn.
  page?.().catch(() => undefined);
}

/** What passes by itself is tried again; a question that is wrong stays wrong. */
const passes = (error: unknown) =>
  !(error instanceof ApiError) || error.status === 503 || error.status === 429;
const client = new QueryClient({
  defaultOptions: {
    queries: {
      refetchOnWindowFocus: false,
      retry: (count, error) => passes(error) && count < 8,
      retryDelay: (count, error) =>
        error instanceof ApiError && error.retryAfter
          ? error.retryAfter * 1_000
          : Math.min(30_000, 1_000 * 2 ** count),
    },
  },
});

function App() {
  const language = useUi((ui) => ui.language);
  return (
    <LanguageProvider language={language}>
      <QueryClientProvider client={client}>
        <LiveProvider live={live}>
          <BrowserRouter>
            <Routes>
              <Route element={<Layout />}>
                <Route path="/" element={<OverviewPage />} />
                <Route path="/k/:token" element={<KeywordPage />} />
                <Route path="/compare" element={<ComparePage />} />
                <Route path="/ops" element={<OpsPage />} />
                <Route path="*" element={<NotFoundPage />} />
              </Route>
            </Routes>
          </BrowserRouter>
        </LiveProvider>
      </QueryClientProvider>
    </LanguageProvider>
  );
}

const live = startLive();
applyUi(useUi.getState());
const texts = loadLanguage(useUi.getState().language);
preloadPage(location);
// The sentence of that page is made of this answer; asked for later, it waits behind the fonts.
if (location.pathname === "/ops")
  void client.prefetchQuery({ queryKey: READY_KEY, queryFn: readReady, retry: false });
await texts;
const root = document.getElementById("root");
if (root) {
  createRoot(root).render(
    <StrictMode>
      <App />
    </StrictMode>,
  );
}
