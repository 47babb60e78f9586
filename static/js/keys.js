/* Single keys: off inside fields, inside dialogs and when the person switched them off; they never sign anything. */
(() => {
  const root = document.documentElement;
  const GO = { i: '/approvals/', m: '/models/', k: '/kpis/', a: '/audit/' };
  const SIGNS = '.sign, [data-signs]';
  let goes = 0;

  const rows = () => [...document.querySelectorAll('.queue > li, .hits > li, .table tbody tr:has(th a)')];
  const move = (step) => {
    const all = rows();
    if (!all.length) return;
    const at = all.findIndex((row) => row.getAttribute('aria-current') === 'true');
    const next = all[Math.min(all.length - 1, Math.max(0, at + step))];
    all.forEach((row) => row.removeAttribute('aria-current'));
    next.setAttribute('aria-current', 'true');
    next.querySelector('.title, th a, a[href]')?.focus();
  };

  document.addEventListener('keydown', (e) => {
    if (root.dataset.shortcuts === 'off' || e.ctrlKey || e.metaKey || e.altKey) return;
    if (e.target.matches('input, textarea, select, [contenteditable]') || document.querySelector('dialog[open]')) return;
    const key = e.key.toLowerCase();
    if (goes && Date.now() - goes < 1200 && GO[key]) { goes = 0; location.assign(GO[key]); return; }
    goes = key === 'g' ? Date.now() : 0;
    if (e.key === '?') { document.getElementById('shortcuts')?.showModal(); return; }
    if (key === 'j' || key === 'k') { move(key === 'j' ? 1 : -1); return; }
    if (key === 'x') { document.querySelector('[aria-current="true"] [type="checkbox"]')?.click(); return; }
    const hot = document.querySelector(`[data-key="${CSS.escape(key)}"]`);
    if (!hot || hot.closest(SIGNS)) return;
    e.preventDefault();
    // An act on selected rows takes the row in view when none is selected
    if (hot.matches('[data-on-selection]') && !hot.form.querySelector('[data-select]:checked')) document.querySelector('[aria-current="true"] [data-select]')?.click();
    hot.focus({preventScroll: true}); // so that a dialog gives the focus back to it
    hot.click();
  });
})();
