import { PageBar } from "@/app/PageBar";
import { PageBody } from "@/app/PageBody";
import { Empty } from "@/components/Empty/Empty";
import { useT } from "@/i18n/I18n";

export default function NotFoundPage() {
  const t = useT();
  return (
    <>
      <PageBar title={t("err.nopage")} heading={<h1>{t("err.nopage")}</h1>} panels={[]} />
      <PageBody>
        <Empty icon="search" title={t("err.nopage")}>
          <span>{t("err.nopage.body")}</span>
        </Empty>
      </PageBody>
    </>
  );
}
