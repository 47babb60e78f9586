/* The selection bar names which of the selected requests are signed one at a time. Without this file the next page does. */
(() => {
  const say = (form) => {
    const out = form?.querySelector('[data-bulk-why]');
    if (!out) return;
    const chosen = [...form.querySelectorAll('[data-select]:checked')];
    const alone = chosen.map((box) => box.dataset.alone).filter(Boolean);
    out.textContent = alone.length ? `${alone.slice(0, -1).join(', ')}${alone.length > 1 ? ' and ' : ''}${alone.at(-1)} ${alone.length > 1 ? 'are' : 'is'} signed one at a time.` : '';
    const together = form.querySelector('[data-together]');
    if (chosen.length > alone.length) together?.removeAttribute('aria-disabled');
    else together?.setAttribute('aria-disabled', 'true');
  };
  document.addEventListener('change', (e) => { if (e.target.matches?.('[data-select], [data-select-all] input')) say(e.target.closest('form')); });
  document.addEventListener('click', (e) => {
    const blocked = e.target.closest?.('[data-together][aria-disabled="true"]');
    if (blocked) e.preventDefault();
    const clear = e.target.closest?.('[data-bulk-clear]');
    if (clear) setTimeout(() => say(clear.closest('form')));
  });
})();
