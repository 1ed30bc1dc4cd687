import type { Meta, StoryObj } from "@storybook/react-vite";
import { toast } from "./Toast";
import "../Button/Button.css";
import { Toasts } from "./Toast";

const meta = { title: "Shell/Toast", component: Toasts } satisfies Meta<typeof Toasts>;
export default meta;
type Story = StoryObj<typeof meta>;

export const Shown: Story = {
  args: {},
  render: () => (
    <>
      <button
        type="button"
        className="btn"
        onClick={() => toast("지금 보는 화면의 링크를 복사했어요", "share")}
      >
        링크 복사
      </button>
      <Toasts />
    </>
  ),
};
