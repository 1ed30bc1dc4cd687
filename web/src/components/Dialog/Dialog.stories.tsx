import type { Meta, StoryObj } from "@storybook/react-vite";
import { Dialog } from "./Dialog";

const meta = { title: "Shell/Dialog", component: Dialog } satisfies Meta<typeof Dialog>;
export default meta;
type Story = StoryObj<typeof meta>;

export const Open: Story = {
  args: { label: "키워드 지우기", open: true, onClose: () => undefined, children: <h2>음악을 지울까요?</h2> },
};
