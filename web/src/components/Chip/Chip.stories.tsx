import type { Meta, StoryObj } from "@storybook/react-vite";
import { LONG_KEYWORD } from "@/test/samples";
import { Chip } from "./Chip";

const meta = { title: "Controls/Chip", component: Chip } satisfies Meta<typeof Chip>;
export default meta;
type Story = StoryObj<typeof meta>;

export const Suggestion: Story = { args: { children: "us airways", icon: "plus", onClick: () => undefined } };
export const Chosen: Story = { args: { children: "모루폰", icon: "check", tone: "tide" } };
export const Removable: Story = {
  args: { children: "서리온", large: true, onRemove: () => undefined, removeLabel: "서리온 빼기" },
};
export const Add: Story = {
  args: {
    children: "비교할 키워드 추가",
    large: true,
    tone: "dashed",
    icon: "plus",
    onClick: () => undefined,
  },
};
export const LongContent: Story = {
  args: {
    children: <span className="ell">{LONG_KEYWORD}</span>,
    onRemove: () => undefined,
    removeLabel: "빼기",
  },
};
