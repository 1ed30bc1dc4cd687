import { render } from "@testing-library/react";
import { describe, expect, it } from "vitest";
import everyEn from "./en.json";
import firstEn from "./first.en.json";
import firstKo from "./first.ko.json";
import gapsEn from "./gaps.en.json";
import gapsKo from "./gaps.ko.json";
import { LanguageProvider, Text } from "./I18n";
import everyKo from "./ko.json";
import opsEn from "./ops.en.json";
import opsKo from "./ops.ko.json";
import { translate } from "./translate";

const ko = { ...everyKo, ...firstKo, ...opsKo, ...gapsKo };
const en = { ...everyEn, ...firstEn, ...opsEn, ...gapsEn };

const holes = (text: string) => [...new Set([...text.matchAll(/\{(\w+)/g)].map((match) => match[1]))].sort();

describe("texts", () => {
  it("exist in both languages with the same values", () => {
    expect(Object.keys(en)).toEqual(Object.keys(ko));
    const files = [everyKo, firstKo, opsKo, gapsKo].map((texts) => Object.keys(texts).length);
    expect(Object.keys(ko)).toHaveLength(files.reduce((sum, count) => sum + count));
    const optional = new Set(["u"]);
    for (const [key, text] of Object.entries(ko)) {
      const missing = holes(text).filter(
        (name) => name && !optional.has(name) && !holes(en[key as keyof typeof en]).includes(name),
      );
      expect([key, missing]).toEqual([key, []]);
    }
  });

  it("have no Korean in English but names and examples", () => {
    const korean = Object.entries(en).filter(
      ([key, text]) => /[가-힣]/.test(text) && !["kw.add.placeholder", "lang.ko"].includes(key),
    );
    expect(korean).toEqual([]);
  });

  it("choose the particle by the last syllable", () => {
    expect(translate("ko", "kw.add.done", { keyword: "감동" })).toBe("감동을 지켜보기 시작했어요");
    expect(translate("ko", "kw.add.done", { keyword: "배우" })).toBe("배우를 지켜보기 시작했어요");
    expect(translate("ko", "hl.spike2", { a: "재미", b: "감동", x: "3.1" })).toBe(
      "재미와 감동이 지금 평소의 3.1배 넘게 올라오고 있어요.",
    );
  });

  it("call a keyword a keyword when it ends in no Korean syllable", () => {
    expect(translate("ko", "kw.remove.title", { keyword: "us airways" })).toBe(
      "us airways 키워드를 지울까요?",
    );
  });

  it("hold elements, with the particle after them", () => {
    const link = { word: "감동", node: <a href="/">감동</a> };
    const { container } = render(
      <LanguageProvider language="ko">
        <Text k="hl.climb" values={{ a: link, n: 2, r: 3 }} />
      </LanguageProvider>,
    );
    expect(container.innerHTML).toBe('<a href="/">감동</a>이 2계단 올라 3위가 됐어요.');
  });
});
