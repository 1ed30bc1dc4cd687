import { useRef } from "react";
import { loadAgain } from "@/data/late";
import { download, fileName } from "@/format/csv";
import { absolute } from "@/format/time";
import { useLanguage, useT } from "@/i18n/I18n";
import { IconButton } from "../Button/Button";
import { toast } from "../Toast/Toast";

/** Saves the card that the button stands in as a picture. */
export function PictureButton({
  panel,
  keyword,
  subject,
  win,
  moment,
}: {
  /** Stands in the name of the file. */
  panel: string;
  keyword?: string | undefined;
  /** The heading of the picture: what it is of, its window, and the moment at which its figures stand. */
  subject: string;
  win: string;
  moment: () => number;
}) {
  const t = useT();
  const language = useLanguage();
  const own = useRef<HTMLSpanElement>(null);
  const save = async () => {
    const card = own.current?.closest("section");
    if (!card) return;
    try {
      const { pictureOf } = await loadAgain(() => import("./picture"));
      const time = absolute(moment(), language);
      const blob = await pictureOf(card, t("share.filetitle", { keyword: subject, win, time }));
      const file = fileName(keyword, panel, Date.now(), "png");
      download(file, blob);
      toast(t("export.done", { file }), "picture");
    } catch {
      toast(t("export.failed"), "picture");
    }
  };
  return (
    <span className="hide-s" ref={own}>
      <IconButton icon="picture" label={t("export.png")} onClick={() => void save()} />
    </span>
  );
}
