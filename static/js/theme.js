/* Runs before the first paint, so that a chosen theme never flashes. An explicit choice wins over the system. */
(() => {
  const root = document.documentElement;
  const asked = new URLSearchParams(location.search).get('theme');
  let stored = null;
  try { stored = localStorage.getItem('theme'); } catch { /* storage is off: the system decides */ }
  const theme = ['light', 'dark'].includes(asked) ? asked : stored;
  if (theme === 'light' || theme === 'dark') root.dataset.theme = theme;
})();
