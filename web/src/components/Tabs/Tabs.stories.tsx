import type { Meta, StoryObj } from "@storybook/react-vite";
import { Tabs } from "./Tabs";

const meta = { title: "Controls/Tabs", component: Tabs } satisfies Meta<typeof Tabs>;
export default meta;
type Story = StoryObj<typeof meta>;

const tabs = [
  { value: "word", label: "단어" },
  { value: "hashtag", label: "해시태그" },
  { value: "mention", label: "멘션" },
];
export const Typical: Story = {
  args: { label: "자주 나온 말", value: "word", tabs, children: "단어의 순위", onChange: () => undefined },
};
