import type { Meta, StoryObj } from "@storybook/react-vite";
import { LONG_KEYWORD } from "@/test/samples";
import { Empty as NoTweets } from "../Empty/Empty";
import { Card } from "./Card";

const meta = { title: "Basics/Card", component: Card } satisfies Meta<typeof Card>;
export default meta;
type Story = StoryObj<typeof meta>;

export const Typical: Story = { args: { title: "키워드 비중", sub: "최근 24시간", children: "내용" } };
export const LongContent: Story = { args: { title: LONG_KEYWORD, children: LONG_KEYWORD } };
export const Empty: Story = {
  args: { title: "급증", children: <NoTweets icon="pulse" title="아직 트윗이 없어요" /> },
};
