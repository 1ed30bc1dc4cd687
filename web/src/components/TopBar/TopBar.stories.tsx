import type { Meta, StoryObj } from "@storybook/react-vite";
import { LONG_KEYWORD } from "@/test/samples";
import { TopBar } from "./TopBar";

const meta = { title: "Shell/TopBar", component: TopBar } satisfies Meta<typeof TopBar>;
export default meta;
type Story = StoryObj<typeof meta>;

export const Typical: Story = { args: { title: <h1>한눈에 보기</h1>, onMenu: () => undefined } };
export const LongContent: Story = { args: { title: <h1>{LONG_KEYWORD}</h1>, onMenu: () => undefined } };
