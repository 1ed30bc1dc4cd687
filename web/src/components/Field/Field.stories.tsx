import type { Meta, StoryObj } from "@storybook/react-vite";
import { Field } from "./Field";

const meta = { title: "Controls/Field", component: Field } satisfies Meta<typeof Field>;
export default meta;
type Story = StoryObj<typeof meta>;

export const Rest: Story = {
  args: { label: "키워드", placeholder: "예: 아이폰, us airways", hint: "64자까지 쓸 수 있어요." },
};
export const ErrorState: Story = {
  args: { label: "키워드", defaultValue: "!!", error: "글자나 숫자를 한 개 이상 써 주세요" },
};
export const LongContent: Story = {
  args: {
    label: "키워드",
    defaultValue: "아주아주긴키워드".repeat(8),
    hint: "64자까지 쓸 수 있어요. ".repeat(6),
  },
};
