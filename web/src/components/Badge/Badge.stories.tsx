import type { Meta, StoryObj } from "@storybook/react-vite";
import { Badge } from "./Badge";

const meta = { title: "Basics/Badge", component: Badge } satisfies Meta<typeof Badge>;
export default meta;
type Story = StoryObj<typeof meta>;

export const Plain: Story = { args: { children: "미리 보기" } };
export const Live: Story = { args: { children: "실시간", tone: "tide" } };
export const Ongoing: Story = { args: { children: "진행 중", tone: "rise" } };
export const CatchingUp: Story = { args: { children: "따라잡는 중", tone: "warn", icon: "clock" } };
export const Quarantined: Story = { args: { children: "격리 중", tone: "danger", icon: "warning" } };
