import { Failed } from "@/components/Empty/Empty";
import { useT } from "@/i18n/I18n";

/** A page that could not be drawn. The rest of the browser's tab still works. */
export function Broken({ detail }: { detail: string }) {
  const t = useT();
  return (
    <main className="page">
      <h1 className="sr">{t("err.page")}</h1>
      <Failed detail={detail} onRetry={() => location.reload()} />
    </main>
  );
}
