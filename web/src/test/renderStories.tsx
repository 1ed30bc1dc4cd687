import { composeStories, type Meta, type StoryObj } from "@storybook/react-vite";
import { render } from "@testing-library/react";
import { describe, expect, it } from "vitest";
import type { Language } from "@/i18n/translate";
import { StoryFrame } from "./StoryFrame";

type Stories = { default: Meta } & Record<string, unknown>;

/** Renders each story of a file in both languages; the test fails when one throws or shows nothing. */
export function renderStories(stories: object): void {
  const composed = Object.entries(
    composeStories(stories as Stories as { default: Meta } & Record<string, StoryObj>),
  );
  describe.each(["ko", "en"] as const)("in %s", (language: Language) => {
    it.each(composed)("%s renders", (_, Story) => {
      const Component = Story as () => React.JSX.Element;
      const { container } = render(
        <StoryFrame language={language}>
          <Component />
        </StoryFrame>,
      );
      expect(container.querySelector("main")?.childElementCount).toBeGreaterThan(0);
    });
  });
}
