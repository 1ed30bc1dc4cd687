import { IconButton } from "@/components/Button/Button";
import { Dialog } from "@/components/Dialog/Dialog";
import { Dot } from "@/components/Dot/Dot";
import { RelatedMap } from "@/components/RelatedMap/RelatedMap";
import { Skeleton } from "@/components/Skeleton/Skeleton";
import type { Window } from "@/data/types";
import { useRelated } from "@/hooks/topics";
import { useT } from "@/i18n/I18n";

/** So many words the large map has. */
const WORDS = 60;

interface Props {
  keyword: string;
  colour: string;
  window: Window;
  at: string | undefined;
  onWord: (word: string) => void;
  onClose: () => void;
}

/** The map over the whole page, with twice as many words. */
export default function FullMap(props: Props) {
  const t = useT();
  return (
    <Dialog kind="full" label={`${t("k.map")}: ${props.keyword}`} open onClose={props.onClose}>
      <Content {...props} />
    </Dialog>
  );
}

function Content({ keyword, colour, window, at, onWord, onClose }: Props) {
  const t = useT();
  const { data } = useRelated(keyword, window, at, WORDS);
  return (
    <>
      <header className="card-h">
        <Dot keyword={keyword} />
        <h2 className="ell" title={keyword}>
          {keyword}
        </h2>
        <span className="sub">{t("k.map")}</span>
        <span className="grow" />
        <IconButton icon="close" label={t("close")} onClick={onClose} />
      </header>
      <div className="k-full">
        {data ? (
          <RelatedMap
            related={data}
            colour={colour}
            most={WORDS}
            onWord={(word) => {
              onWord(word);
              onClose();
            }}
          />
        ) : (
          <Skeleton height={400} />
        )}
      </div>
    </>
  );
}
