import { csv, download, fileName } from "@/format/csv";
import { useT } from "@/i18n/I18n";
import { IconButton } from "../Button/Button";
import { toast } from "../Toast/Toast";

export type CsvTable = readonly [
  header: readonly string[],
  rows: readonly (readonly (string | number | null)[])[],
];

/** Saves what a panel shows as a file. The table is made when it is asked for. */
export function CsvButton({
  panel,
  keyword,
  table,
}: {
  /** Stands in the name of the file. */
  panel: string;
  keyword?: string | undefined;
  table: () => CsvTable;
}) {
  const t = useT();
  const save = () => {
    const file = fileName(keyword, panel, Date.now(), "csv");
    const [header, rows] = table();
    download(file, new Blob([csv(header, rows)], { type: "text/csv;charset=utf-8" }));
    toast(t("export.done", { file }), "download");
  };
  return (
    <span className="hide-s">
      <IconButton icon="download" label={t("export.csv")} onClick={save} />
    </span>
  );
}
