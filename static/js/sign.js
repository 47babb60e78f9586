/* The signature: the dialog opens when its content has arrived, closing empties it, a counter says how long the reason is.
   Without this file every step is a page. */
(() => {
  const dialog = () => document.querySelector('dialog.sign');

  document.body.addEventListener('htmx:afterSwap', (e) => {
    const sign = dialog();
    if (!sign || e.detail.target !== sign || sign.open) return;
    sign.showModal();
    sign.querySelector('[autofocus]')?.focus();
  });
  // Each step begins at its title, so that what is signed is read first; a refused one begins at what is wrong
  document.body.addEventListener('htmx:afterSettle', (e) => {
    if (e.target.id !== 'sign-form' && !e.target.querySelector?.('#sign-form')) return;
    const form = document.getElementById('sign-form');
    const alert = form.querySelector('[role="alert"]');
    alert?.setAttribute('tabindex', '-1');
    const wrong = form.querySelector('[aria-invalid="true"]') || alert;
    if (!wrong) form.closest('.sign').scrollTo(0, 0);
    (wrong || form.querySelector('#sign-h'))?.focus({preventScroll: !wrong && form.closest('dialog')});
    if (!wrong && !form.closest('dialog')) form.scrollIntoView();
    count();
  });

  document.addEventListener('click', (e) => {
    const close = e.target.closest('[data-close]');
    if (close && close.closest('dialog.sign')) e.preventDefault();
  }, true);
  document.addEventListener('close', (e) => { if (e.target === dialog()) e.target.replaceChildren(); }, true);

  function count() {
    const field = document.querySelector('[data-count]');
    const out = field && document.getElementById(field.dataset.count);
    if (!out) return;
    const have = field.value.trim().length, least = Number(field.dataset.least);
    out.textContent = have < least ? `This has ${have} of ${least} characters.` : `This has ${have} characters.`;
  }
  document.addEventListener('input', (e) => { if (e.target.dataset?.count) count(); });
  count();
})();
