import { QueryClient, QueryClientProvider } from "@tanstack/react-query";
import { lazy, StrictMode } from "react";
import { createRoot } from "react-dom/client";
import { BrowserRouter, Route, Routes } from "react-router";
import "pretendard/dist/web/variable/pretendardvariable-dynamic-subset.css";
import "@/styles/tokens.css";
import "@/styles/base.css";
import { ApiError } from "@/data/api/client";
import { LiveProvider } from "@/data/live/context";
import { LanguageProvider } from "@/i18n/I18n";
import { loadLanguage } from "@/i18n/translate";
import { Layout } from "./Layout";
import { applyUi, useUi } from "./ui";

const OverviewPage = lazy(() => import("@/pages/overview/OverviewPage"));
const KeywordPage = lazy(() => import("@/pages/keyword/KeywordPage"));
const ComparePage = lazy(() => import("@/pages/compare/ComparePage"));
const OpsPage = lazy(() => import("@/pages/ops/OpsPage"));
const NotFoundPage = lazy(() => import("@/pages/not-found/NotFoundPage"));

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
        <LiveProvider>
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

applyUi(useUi.getState());
await loadLanguage(useUi.getState().language);
const root = document.getElementById("root");
if (root) {
  createRoot(root).render(
    <StrictMode>
      <App />
    </StrictMode>,
  );
}
