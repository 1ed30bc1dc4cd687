import type { Preview } from "@storybook/react-vite";
import "pretendard/dist/web/variable/pretendardvariable-dynamic-subset.css";
import "../src/styles/tokens.css";
import "../src/styles/base.css";
import { loadLanguage } from "../src/i18n/translate";
import { StoryFrame } from "../src/test/StoryFrame";

await Promise.all([loadLanguage("ko"), loadLanguage("en")]);

const preview: Preview = {
  parameters: { layout: "fullscreen", a11y: { test: "error" } },
  globalTypes: {
    theme: { toolbar: { title: "Theme", items: ["light", "dark"], dynamicTitle: true } },
    language: { toolbar: { title: "Language", items: ["ko", "en"], dynamicTitle: true } },
  },
  initialGlobals: { theme: "light", language: "ko" },
  decorators: [
    (Story, { globals }) => (
      <StoryFrame
        theme={globals.theme === "dark" ? "dark" : "light"}
        language={globals.language === "en" ? "en" : "ko"}
      >
        <Story />
      </StoryFrame>
    ),
  ],
};

export default preview;
