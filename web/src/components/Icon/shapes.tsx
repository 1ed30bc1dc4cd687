import type { ReactNode } from "react";

/** The shapes of the icons, on a grid of 16. */
export const shapes = {
  collapse: <path d="m10 4-4 4 4 4" />,
  expand: <path d="m6 4 4 4-4 4" />,
  full: <path d="M9.5 2.5h4v4M13.5 2.5 9 7M6.5 13.5h-4v-4M2.5 13.5 7 9" />,
  calendar: (
    <>
      <rect x="2.5" y="3.5" width="11" height="10" rx="1.5" />
      <path d="M2.5 6.8h11M5.5 2v3M10.5 2v3" />
    </>
  ),
  mute: (
    <>
      <circle cx="7" cy="5.5" r="2.6" />
      <path d="M2.5 13.5c.4-2.6 2.2-4 4.5-4M10.2 10.2l3.6 3.6M13.8 10.2l-3.6 3.6" />
    </>
  ),
  search: (
    <>
      <circle cx="7" cy="7" r="4.5" />
      <path d="m10.5 10.5 3.2 3.2" />
    </>
  ),
  overview: (
    <>
      <rect x="2" y="2" width="5" height="5" rx="1.2" />
      <rect x="9" y="2" width="5" height="5" rx="1.2" />
      <rect x="2" y="9" width="5" height="5" rx="1.2" />
      <rect x="9" y="9" width="5" height="5" rx="1.2" />
    </>
  ),
  compare: (
    <>
      <path d="M2 11.5 6 6l3 3.2L14 3" />
      <path d="M2 14h12" opacity=".45" />
    </>
  ),
  pulse: <path d="M1.5 8.5h3l2-5 3 9 2-4h3" />,
  plus: <path d="M8 3v10M3 8h10" />,
  globe: (
    <>
      <circle cx="8" cy="8" r="6" />
      <path d="M2 8h12M8 2c2 1.8 2.6 3.8 2.6 6S10 12.2 8 14C6 12.2 5.4 10.2 5.4 8S6 3.8 8 2z" />
    </>
  ),
  moon: <path d="M13.2 9.6A5.6 5.6 0 0 1 6.4 2.8a5.6 5.6 0 1 0 6.8 6.8z" />,
  menu: <path d="M2.5 4.5h11M2.5 8h11M2.5 11.5h11" />,
  share: (
    <>
      <path d="M8 2v8M5 4.5 8 1.8l3 2.7" />
      <path d="M3.5 7.5v6h9v-6" />
    </>
  ),
  download: <path d="M8 2v8M5 7.3 8 10.2l3-2.9M3 13.5h10" />,
  picture: (
    <>
      <rect x="2" y="2.8" width="12" height="10.4" rx="1.5" />
      <path d="m2.4 11.4 3.4-3.3 2.6 2.5 2.2-2 3 2.8" />
      <circle cx="10.4" cy="6" r="1.1" />
    </>
  ),
  print: <path d="M4.5 6V2.2h7V6M4.5 11.5H2.2V6h11.6v5.5h-2.3M4.5 9.5h7v4.3h-7z" />,
  filter: <path d="M2 4h12M4.5 8h7M7 12h2" />,
  table: (
    <>
      <rect x="2" y="3" width="12" height="10" rx="1.5" />
      <path d="M2 6.5h12M6.5 6.5V13" />
    </>
  ),
  pause: <path d="M5.5 3.5v9M10.5 3.5v9" />,
  play: <path d="M5 3.2v9.6L12.5 8z" />,
  shield: (
    <>
      <path d="M8 1.8 13 3.6v4.1c0 3-2 5.3-5 6.5-3-1.2-5-3.5-5-6.5V3.6z" />
      <path d="m5.7 7.9 1.7 1.7 3-3.3" />
    </>
  ),
  more: <path d="M3.5 8h.01M8 8h.01M12.5 8h.01" strokeWidth="2.2" />,
  map: (
    <>
      <circle cx="4.5" cy="5" r="2.2" />
      <circle cx="11.5" cy="4" r="1.6" />
      <circle cx="10.5" cy="11.5" r="2.6" />
      <path d="M6.4 6.4 8.6 9.6M6.7 4.6l3.2-.4M11.3 5.6l-.5 3.2" />
    </>
  ),
  list: <path d="M5.5 4h8M5.5 8h8M5.5 12h8M2.5 4h.01M2.5 8h.01M2.5 12h.01" />,
  likes: <path d="M8 13.3 2.9 8.4a3.2 3.2 0 0 1 4.5-4.5l.6.6.6-.6a3.2 3.2 0 0 1 4.5 4.5z" />,
  reposts: (
    <path d="M3 6.5V5a1.5 1.5 0 0 1 1.5-1.5H12M10 1.5l2 2-2 2M13 9.5V11a1.5 1.5 0 0 1-1.5 1.5H4M6 14.5l-2-2 2-2" />
  ),
  replies: (
    <path d="M2.5 4.5A1.5 1.5 0 0 1 4 3h8a1.5 1.5 0 0 1 1.5 1.5v5A1.5 1.5 0 0 1 12 11H7l-3 2.5V11a1.5 1.5 0 0 1-1.5-1.5z" />
  ),
  quotes: <path d="M3 10.5c2 0 3-1.2 3-3V5H3v3h1.7M9.5 10.5c2 0 3-1.2 3-3V5h-3v3h1.7" />,
  copy: (
    <>
      <rect x="5.5" y="5.5" width="8" height="8" rx="1.5" />
      <path d="M10.5 5.5V4A1.5 1.5 0 0 0 9 2.5H4A1.5 1.5 0 0 0 2.5 4v5A1.5 1.5 0 0 0 4 10.5h1.5" />
    </>
  ),
  open: <path d="M6.5 3.5h-3v9h9v-3M9 2.5h4.5V7M13.5 2.5 7.5 8.5" />,
  up: <path d="M8 13V3.5M4 7l4-4 4 4" />,
  check: <path d="m3 8.5 3.3 3.3L13 4.8" />,
  warning: (
    <>
      <path d="M8 2.2 14.5 13.5h-13z" />
      <path d="M8 6.5v3M8 11.6h.01" />
    </>
  ),
  clock: (
    <>
      <circle cx="8" cy="8" r="6" />
      <path d="M8 4.8V8l2.2 1.5" />
    </>
  ),
  close: <path d="m4 4 8 8M12 4l-8 8" />,
  offline: (
    <path d="M2 2l12 12M4.7 9.6a4.8 4.8 0 0 1 2-1.1M2.4 7.1A8 8 0 0 1 4.7 5.6M13.6 7.1a8 8 0 0 0-6-2.2M11.3 9.6l-.6-.5M8 12.5h.01" />
  ),
  trash: <path d="M2.5 4.5h11M6 4.5V3h4v1.5M4 4.5l.7 9h6.6l.7-9" />,
  inbox: (
    <>
      <path d="M2 9.5 4 3h8l2 6.5v3a1 1 0 0 1-1 1H3a1 1 0 0 1-1-1z" />
      <path d="M2 9.5h3.5L6.5 11.5h3l1-2H14" />
    </>
  ),
} satisfies Record<string, ReactNode>;

export type IconName = keyof typeof shapes;
