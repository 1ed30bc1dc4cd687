import { useQueries } from "@tanstack/react-query";
import { Card } from "@/components/Card/Card";
import { CsvButton, type CsvTable } from "@/components/CsvButton/CsvButton";
import { Dot } from "@/components/Dot/Dot";
import { Empty } from "@/components/Empty/Empty";
import { Skeleton } from "@/components/Skeleton/Skeleton";
import { api, need } from "@/data/api/client";
import type { Window } from "@/data/types";
import { exact } from "@/format/numbers";
import { useT } from "@/i18n/I18n";
import "@/components/Table/Table.css";

const SHOWN = 6;
const KEYWORDS = 4;

/** Words that stand in the rankings of all compared keywords. */
export function SharedWords({
  keywords,
  window,
  at,
}: {
  keywords: readonly string[];
  window: Window;
  at: string | undefined;
}) {
  const t = useT();
  const compared = keywords.slice(0, KEYWORDS);
  const answers = useQueries({
    queries: compared.map((keyword) => ({
      queryKey: ["shared", keyword, window, at],
      queryFn: () =>
        need(
          api.GET("/api/v1/keywords/{token}/ranking", {
            params: { path: { token: keyword }, query: { by: "word" as const, window, limit: 100, at } },
          }),
        ),
      staleTime: 30_000,
    })),
  });
  const counts = answers.map(({ data }) => new Map(data?.items.map(({ key, count }) => [key, count])));
  const words = [...(counts[0]?.keys() ?? [])]
    .filter((word) => counts.every((each) => each.has(word)))
    .sort((a, b) => counts.reduce((sum, each) => sum + (each.get(b) ?? 0) - (each.get(a) ?? 0), 0))
    .slice(0, SHOWN);
  const table = (): CsvTable => [
    [t("col.word"), ...compared],
    words.map((word) => [word, ...counts.map((each) => each.get(word) ?? 0)]),
  ];
  return (
    <Card
      flush
      className="c4"
      title={t("cmp.shared")}
      actions={<CsvButton panel="shared-words" table={table} />}
    >
      {answers.some(({ data }) => !data) ? (
        <Skeleton lines={7} />
      ) : words.length === 0 ? (
        <Empty icon="list" title={t("k.nowords")} />
      ) : (
        <div className="cmp-shared" tabIndex={0} role="group" aria-label={t("cmp.shared")}>
          <table className="tbl">
            <thead>
              <tr>
                <th scope="col">{t("col.word")}</th>
                {compared.map((keyword) => (
                  <th scope="col" className="n" key={keyword} title={keyword}>
                    <span className="cmp-h">
                      <Dot keyword={keyword} />
                      <span className="ell">{keyword}</span>
                    </span>
                  </th>
                ))}
              </tr>
            </thead>
            <tbody>
              {words.map((word) => (
                <tr key={word}>
                  <td className="b">{word}</td>
                  {counts.map((each, index) => (
                    <td className="n" key={compared[index]}>
                      {exact(each.get(word) ?? 0)}
                    </td>
                  ))}
                </tr>
              ))}
            </tbody>
          </table>
        </div>
      )}
    </Card>
  );
}
