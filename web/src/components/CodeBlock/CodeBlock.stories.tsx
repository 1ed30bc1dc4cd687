import type { Meta, StoryObj } from "@storybook/react-vite";
import { CodeBlock } from "./CodeBlock";

const meta = { title: "Controls/CodeBlock", component: CodeBlock } satisfies Meta<typeof CodeBlock>;
export default meta;
type Story = StoryObj<typeof meta>;

export const Typical: Story = {
  args: {
    label: "트윗 보내기",
    text: "# 예시 트윗을 보내요\ntidings sample --posts 2000 | tidings publish -",
  },
};
export const LongContent: Story = {
  args: {
    label: "트윗 보내기",
    text: `curl -X POST ${"https://tidings.example/api/v1/tweets?".repeat(8)} \\\n  -d '{"type":"tweet.posted"}'`,
  },
};
