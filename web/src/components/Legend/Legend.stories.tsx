import type { Meta, StoryObj } from "@storybook/react-vite";
import { keywordNames, LONG_KEYWORD } from "@/test/samples";
import { withStale } from "@/test/states";
import { Legend } from "./Legend";

const meta = { title: "Charts/Legend", component: Legend } satisfies Meta<typeof Legend>;
export default meta;
type Story = StoryObj<typeof meta>;

const items = keywordNames.slice(0, 6).map((name, index) => ({ name, colour: `var(--k${index + 1})` }));
const base = { label: "키워드", items, hidden: new Set<string>(), onChange: () => undefined };
export const Typical: Story = { args: base };
export const OneHidden: Story = { args: { ...base, hidden: new Set(["별가루단"]) } };
export const LongContent: Story = {
  args: { ...base, items: [{ name: LONG_KEYWORD, colour: "var(--k1)" }, ...items] },
};
export const Stale: Story = { args: base, decorators: [withStale] };
