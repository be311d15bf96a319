import { describe, expect, it } from "vitest";

import { LiveList, joined } from "./loader.svelte";

const item = (seq: number) => ({ seq });

describe("a list that is read and followed at once", () => {
  it("keeps what happens while it is read, and has nothing twice", async () => {
    let answer: (items: { seq: number }[]) => void = () => undefined;
    const list = new LiveList(() => new Promise<{ seq: number }[]>((resolve) => (answer = resolve)), 10);
    const loading = list.load();
    list.arrive(item(3));
    list.arrive(item(4));
    answer([item(3), item(2), item(1)]);
    await loading;
    list.arrive(item(5));
    list.arrive(item(5));
    expect(list.value?.map(({ seq }) => seq)).toEqual([5, 4, 3, 2, 1]);
  });

  it("is bounded", () => {
    expect(joined([item(4)], [item(3), item(2)], 2)).toEqual([item(4), item(3)]);
  });
});
