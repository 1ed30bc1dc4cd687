import type { Meta, StoryObj } from "@storybook/react-vite";
import { LONG_KEYWORD } from "@/test/samples";
import { Dialog } from "./Dialog";

const meta = { title: "Shell/Dialog", component: Dialog } satisfies Meta<typeof Dialog>;
export default meta;
type Story = StoryObj<typeof meta>;

export const Open: Story = {
  args: { label: "키워드 지우기", open: true, onClose: () => undefined, children: <h2>음악을 지울까요?</h2> },
};
export const Full: Story = { args: { ...Open.args, kind: "full" } as Story["args"] };
export const LongContent: Story = {
  args: { ...Open.args, children: <h2>{LONG_KEYWORD} 키워드를 지울까요?</h2> } as Story["args"],
};
