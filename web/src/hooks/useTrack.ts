import { useMutation, useQueryClient } from "@tanstack/react-query";
import { toast } from "@/components/Toast/Toast";
import { ApiError, api, need } from "@/data/api/client";
import { useT } from "@/i18n/I18n";
import type { Key } from "@/i18n/translate";

/** The sentence for an error of tracking a keyword. */
export function trackError(error: unknown): Key {
  if (!(error instanceof ApiError)) return "err.load";
  if (error.status === 400) return "kw.add.invalid";
  return error.status === 409 ? "kw.add.full" : "err.load";
}

export function useTrack() {
  const t = useT();
  const client = useQueryClient();
  return useMutation({
    mutationFn: (keyword: string) => need(api.POST("/api/v1/keywords", { body: { keyword } })),
    onSuccess: ({ keyword }) => {
      toast(t("kw.add.done", { keyword }));
      void client.invalidateQueries({ queryKey: ["keywords"] });
    },
  });
}

/**
 * Removes a keyword, then calls `onRemoved`. That is a part of the mutation, because the page of the keyword may be gone
 * before the answer: the live connection says earlier that the keyword is not tracked.
 */
export function useUntrack(onRemoved: () => void) {
  const t = useT();
  const client = useQueryClient();
  return useMutation({
    mutationFn: async (keyword: string) => {
      const answer = await api.DELETE("/api/v1/keywords/{token}", { params: { path: { token: keyword } } });
      if (!answer.response.ok) throw new ApiError(answer.response.status, undefined, undefined);
    },
    onSuccess: (_, keyword) => {
      onRemoved();
      toast(t("kw.remove.done", { keyword }), "trash");
      void client.invalidateQueries({ queryKey: ["keywords"] });
    },
  });
}
