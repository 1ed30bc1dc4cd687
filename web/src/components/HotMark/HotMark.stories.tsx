import type { Meta, StoryObj } from "@storybook/react-vite";
import { HotMark } from "./HotMark";

const meta = { title: "Basics/HotMark", component: HotMark } satisfies Meta<typeof HotMark>;
export default meta;
type Story = StoryObj<typeof meta>;

export const Typical: Story = { args: { times: 2.84 } };
export const Burst: Story = { args: { times: 41.2 } };
