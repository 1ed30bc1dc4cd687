import type { ReactNode } from "react";
import { exact } from "@/format/numbers";
import { useT } from "@/i18n/I18n";
import "../Table/Table.css";
import "./Chart.css";

export interface ChartColumn {
  name: string;
  values: readonly (number | null)[];
}

/** The table twin of a chart, newest first. */
export function ChartTable({
  times,
  columns,
  height,
  note,
}: {
  times: readonly string[];
  columns: readonly ChartColumn[];
  height?: number;
  /** What is said beside the time of a row. */
  note?: (index: number) => ReactNode;
}) {
  const t = useT();
  return (
    <div
      className="chart-table"
      style={{ maxHeight: height }}
      tabIndex={0}
      role="region"
      aria-label={t("chart.table")}
    >
      <table className="tbl">
        <thead>
          <tr>
            <th scope="col">{t("chart.time")}</th>
            {columns.map((column) => (
              <th key={column.name} scope="col" className="n">
                {column.name}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {times
            .map((time, index) => (
              <tr key={time + index}>
                <td>
                  {time}
                  {note?.(index)}
                </td>
                {columns.map((column) => {
                  const value = column.values[index];
                  return (
                    <td key={column.name} className="n">
                      {value === null || value === undefined ? "–" : exact(value)}
                    </td>
                  );
                })}
              </tr>
            ))
            .reverse()}
        </tbody>
      </table>
    </div>
  );
}
