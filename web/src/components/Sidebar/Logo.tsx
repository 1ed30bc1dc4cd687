export function Logo() {
  return (
    <svg className="glyph" viewBox="0 0 24 24" aria-hidden="true">
      <circle cx="12" cy="12" r="10.6" fill="none" stroke="currentColor" strokeWidth="2" />
      <path
        fill="currentColor"
        d="M4 12.7c2.1-2 4-2 6 0s3.9 2 6 0c1.5-1.45 2.7-1.85 4-1.2a8.1 8.1 0 0 1-16 1.2z"
      />
    </svg>
  );
}
