import { Link } from "react-router";
import { keywordPath } from "@/data/token";
import { changeOf, decimal, exact, shareText } from "@/format/numbers";
import { useT } from "@/i18n/I18n";
import { Delta } from "../Delta/Delta";
import { ColourDot } from "../Dot/Dot";
import "../Table/Table.css";
import "./CompareTable.css";

export interface CompareRow {
  keyword: string;
  colour: string;
  total: number;
  before: number;
  mean: number;
  peak: string;
}

/** The compared keywords side by side, largest first. */
export function CompareTable({ rows }: { rows: readonly CompareRow[] }) {
  const t = useT();
  const all = rows.reduce((sum, { total }) => sum + total, 0);
  const max = Math.max(...rows.map(({ total }) => total), 1);
  return (
    <table className="tbl cmp-table">
      <thead>
        <tr>
          <th scope="col">{t("col.keyword")}</th>
          <th scope="col" className="n">
            {t("cmp.total")}
          </th>
          <th scope="col" className="n hide-s">
            {t("cmp.mean")}
          </th>
          <th scope="col" className="n">
            {t("col.delta")}
          </th>
          <th scope="col" className="hide-s">
            {t("col.peak")}
          </th>
          <th scope="col" className="hide-s cmp-share">
            {t("col.share")}
          </th>
        </tr>
      </thead>
      <tbody>
        {rows.map(({ keyword, colour, total, before, mean, peak }) => (
          <tr key={keyword}>
            <td>
              <Link className="kw" to={keywordPath(keyword)} title={keyword}>
                <ColourDot colour={colour} />
                <span className="ell">{keyword}</span>
              </Link>
            </td>
            <td className="n b">{exact(total)}</td>
            <td className="n hide-s">{decimal(mean)}</td>
            <td className="n">
              <Delta change={changeOf(total, before)} />
            </td>
            <td className="hide-s t2 ell">{peak}</td>
            <td className="hide-s">
              <span className="row">
                <span className="bar grow" style={{ "--c": colour }}>
                  <i style={{ width: `${(total / max) * 100}%` }} />
                </span>
                <span className="n t2 cmp-pc">{shareText(all === 0 ? 0 : total / all)}</span>
              </span>
            </td>
          </tr>
        ))}
      </tbody>
    </table>
  );
}
