/* The palette: Ctrl K, a listbox that the input steers; without scripts the button leads to the search page. */
(() => {
  const palette = document.getElementById('palette');
  if (!palette) return;
  const input = palette.querySelector('input');
  const list = palette.querySelector('[role="listbox"]');
  const options = () => [...list.querySelectorAll('[role="option"]:not([aria-disabled])')];
  const select = (option) => {
    options().forEach((one) => one.setAttribute('aria-selected', String(one === option)));
    if (option) { input.setAttribute('aria-activedescendant', option.id); option.scrollIntoView({ block: 'nearest' }); } else input.removeAttribute('aria-activedescendant');
  };
  const current = () => options().find((one) => one.getAttribute('aria-selected') === 'true');
  const go = (option) => { if (option?.dataset.href) location.assign(option.dataset.href); };
  const show = () => {
    if (!palette.open) palette.showModal();
    input.select();
    window.htmx?.trigger(input, 'palette-open');
  };

  document.addEventListener('keydown', (e) => {
    if ((e.ctrlKey || e.metaKey) && e.key.toLowerCase() === 'k') { e.preventDefault(); show(); }
  });
  palette.addEventListener('portal:open', show);
  palette.addEventListener('keydown', (e) => {
    const all = options();
    const at = all.indexOf(current());
    if (e.key === 'ArrowDown') { e.preventDefault(); select(all[(at + 1) % all.length]); }
    if (e.key === 'ArrowUp') { e.preventDefault(); select(all[(at - 1 + all.length) % all.length]); }
    if (e.key === 'Enter' && current()) { e.preventDefault(); go(current()); }
  });
  list.addEventListener('click', (e) => go(e.target.closest('[role="option"]')));
  document.body.addEventListener('htmx:afterSwap', (e) => { if (e.detail.target === list) select(options()[0]); });
})();
