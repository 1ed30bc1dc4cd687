import type { Meta, StoryObj } from "@storybook/react-vite";
import "../Button/Button.css";
import { Menu } from "./Menu";

const meta = { title: "Shell/Menu", component: Menu } satisfies Meta<typeof Menu>;
export default meta;
type Story = StoryObj<typeof meta>;

export const Typical: Story = {
  args: {
    label: "더 보기",
    trigger: (
      <button type="button" className="btn">
        더 보기
      </button>
    ),
    entries: [
      { icon: "copy", text: "키워드 복사", onSelect: () => undefined },
      { icon: "trash", text: "키워드 지우기", danger: true, onSelect: () => undefined },
    ],
  },
};
