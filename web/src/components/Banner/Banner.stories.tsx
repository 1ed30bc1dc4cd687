import type { Meta, StoryObj } from "@storybook/react-vite";
import { LONG_KEYWORD } from "@/test/samples";
import { Banner } from "./Banner";

const meta = { title: "States/Banner", component: Banner } satisfies Meta<typeof Banner>;
export default meta;
type Story = StoryObj<typeof meta>;

export const Offline: Story = {
  args: { tone: "danger", icon: "offline", children: "인터넷 연결이 끊겼어요. 22:41:07까지의 내용이에요." },
};
export const Reconnecting: Story = {
  args: { tone: "warn", icon: "clock", children: "4초 뒤 다시 연결해요" },
};
export const Resumed: Story = {
  args: { tone: "tide", icon: "check", children: "놓친 38건을 모두 채웠어요" },
};
export const Plain: Story = { args: { tone: "plain", children: "알림" } };
export const CatchingUp: Story = {
  args: { tone: "warn", icon: "clock", children: "서버가 4,321건을 따라잡는 중이에요" },
};
export const LongContent: Story = {
  args: { tone: "danger", icon: "warning", children: LONG_KEYWORD.repeat(3) },
};
