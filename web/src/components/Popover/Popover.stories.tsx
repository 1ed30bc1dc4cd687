import type { Meta, StoryObj } from "@storybook/react-vite";
import "../Button/Button.css";
import { Popover } from "./Popover";

const meta = { title: "Shell/Popover", component: Popover } satisfies Meta<typeof Popover>;
export default meta;
type Story = StoryObj<typeof meta>;

export const Typical: Story = {
  args: {
    label: "필터",
    width: 300,
    trigger: (
      <button type="button" className="btn">
        필터
      </button>
    ),
    children: <p className="pop-b">내용</p>,
  },
};
