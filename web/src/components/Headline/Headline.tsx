import { Link } from "react-router";
import { keywordPath } from "@/data/token";
import type { Window } from "@/data/types";
import type { Sentence } from "@/format/headline";
import { exact, percentText } from "@/format/numbers";
import { Text, useLanguage, useT } from "@/i18n/I18n";
import { useColour } from "../Dot/Dot";
import "./Headline.css";

function KeywordLink({ keyword }: { keyword: string }) {
  return (
    <Link to={keywordPath(keyword)} style={{ "--c": useColour(keyword) }}>
      {keyword}
    </Link>
  );
}

const link = (keyword: string) => ({ word: keyword, node: <KeywordLink keyword={keyword} /> });

function SentenceText({ sentence, window }: { sentence: Sentence; window: Window }) {
  const t = useT();
  const language = useLanguage();
  const win = t(`win.long.${window}`);
  switch (sentence.key) {
    case "hl.up":
    case "hl.down": {
      const text = percentText(sentence.percent, language);
      const node = <span className={sentence.key === "hl.up" ? "up" : "down"}>{text}</span>;
      return <Text k={sentence.key} values={{ win, n: exact(sentence.total), p: { word: text, node } }} />;
    }
    case "hl.flat":
    case "hl.first":
      return <Text k={sentence.key} values={{ win, n: exact(sentence.total) }} />;
    case "hl.zero":
      return <Text k={sentence.key} values={{ win }} />;
    case "hl.spike1":
      return <Text k={sentence.key} values={{ a: link(sentence.a), x: sentence.x }} />;
    case "hl.spike2":
      return <Text k={sentence.key} values={{ a: link(sentence.a), b: link(sentence.b), x: sentence.x }} />;
    case "hl.climb":
      return <Text k={sentence.key} values={{ a: link(sentence.a), n: sentence.places, r: sentence.rank }} />;
    case "hl.new":
      return <Text k={sentence.key} values={{ a: link(sentence.a), r: sentence.rank }} />;
    case "hl.mover":
      return (
        <Text k={sentence.key} values={{ a: link(sentence.a), p: percentText(sentence.percent, language) }} />
      );
    case "hl.calm":
      return <Text k={sentence.key} values={{}} />;
  }
}

/** What the data says, in one or two lines. Each keyword in it leads to its page. */
export function Headline({
  sentences,
  window,
}: {
  sentences: readonly [Sentence, ...Sentence[]];
  window: Window;
}) {
  const [first, ...rest] = sentences;
  return (
    <div className="headline">
      <p>
        <SentenceText sentence={first} window={window} />
      </p>
      {rest.length > 0 ? (
        <p>
          {rest.map((sentence, index) => (
            <span key={sentence.key}>
              {index > 0 ? " " : null}
              <SentenceText sentence={sentence} window={window} />
            </span>
          ))}
        </p>
      ) : null}
    </div>
  );
}
