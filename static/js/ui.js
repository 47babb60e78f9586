/* Theme switch, dialogs, copying, toasts, the offline bar, and what htmx needs. Every page works without this file. */
(() => {
  const root = document.documentElement;
  const $$ = (sel, el = document) => [...el.querySelectorAll(sel)];
  const darkQuery = matchMedia('(prefers-color-scheme: dark)');
  const isDark = () => {
    const scheme = getComputedStyle(root).colorScheme;
    return scheme === 'dark' || (scheme !== 'light' && darkQuery.matches);
  };
  const FADE_MS = 4000;

  const fade = (toast) => setTimeout(() => toast.remove(), FADE_MS);
  const say = (text) => {
    const toast = Object.assign(document.createElement('div'), { className: 'toast is-ok', textContent: text });
    document.getElementById('toasts')?.append(toast);
    fade(toast);
  };
  window.portal = { say, isDark };

  document.addEventListener('click', (e) => {
    const el = e.target.closest('[data-theme-toggle], [data-open], [data-close], [data-copy], [aria-disabled="true"]');
    if (!el) return;
    if (el.matches('[aria-disabled="true"]')) { e.preventDefault(); e.stopImmediatePropagation(); return; }
    if (el.matches('[data-theme-toggle]')) {
      root.dataset.theme = isDark() ? 'light' : 'dark';
      try { localStorage.setItem('theme', root.dataset.theme); } catch { /* the choice lasts for this page */ }
      document.dispatchEvent(new CustomEvent('portal:theme'));
    }
    if (el.dataset.open) {
      const dialog = document.getElementById(el.dataset.open);
      if (dialog?.showModal) { e.preventDefault(); el.closest('details')?.removeAttribute('open'); dialog.showModal(); dialog.dispatchEvent(new CustomEvent('portal:open')); }
    }
    if (el.matches('[data-close]')) el.closest('dialog')?.close();
    if (el.dataset.copy) navigator.clipboard?.writeText(el.dataset.copy).then(() => say('Copied'));
  }, true);
  darkQuery.addEventListener('change', () => document.dispatchEvent(new CustomEvent('portal:theme')));

  // A menu closes on Escape and on a click elsewhere, and gives the focus back
  document.addEventListener('keydown', (e) => {
    if (e.key !== 'Escape') return;
    const menu = document.querySelector('details.facet[open]');
    if (menu) { menu.open = false; menu.querySelector('summary').focus(); }
  });
  document.addEventListener('click', (e) => {
    for (const menu of $$('details.facet[open]')) if (!menu.contains(e.target)) menu.open = false;
  });

  const offline = document.getElementById('offline');
  const connection = () => { if (offline) offline.hidden = navigator.onLine; };
  addEventListener('online', connection); addEventListener('offline', connection); connection();

  for (const toast of $$('.toast[data-fades]')) fade(toast);
  document.body.addEventListener('htmx:afterSettle', (e) => { for (const toast of $$('.toast[data-fades]', e.target)) fade(toast); });

  // A skeleton or busy sign only after 300 ms, never before
  const waiting = new Map();
  document.body.addEventListener('htmx:beforeRequest', (e) => {
    const target = e.detail.target;
    if (!target?.matches?.('#list, form, [data-busy]')) return;
    waiting.set(target, setTimeout(() => target.setAttribute('aria-busy', 'true'), 300));
  });
  document.body.addEventListener('htmx:afterRequest', (e) => {
    const target = e.detail.target;
    clearTimeout(waiting.get(target)); waiting.delete(target);
    target?.removeAttribute?.('aria-busy');
  });
  for (const name of ['htmx:sendError', 'htmx:responseError', 'htmx:timeout']) {
    document.body.addEventListener(name, () => {
      const notice = document.getElementById('notice');
      if (!notice) return;
      const box = document.createElement('div');
      box.className = 'callout is-fail'; box.setAttribute('role', 'alert');
      const text = document.createElement('div');
      const title = Object.assign(document.createElement('b'), { textContent: 'The portal did not answer' });
      const note = Object.assign(document.createElement('span'), { textContent: 'Nothing was saved or signed. What you typed is still here. Try again.' });
      text.append(title, note); box.append(text); notice.replaceChildren(box);
    });
  }

  document.body.addEventListener('portal:job-ended', (e) => { if (e.detail.said) say(e.detail.said); });

  // Open dialogs and menus of a swapped part keep their state
  document.body.addEventListener('htmx:beforeSwap', (e) => {
    const open = $$('details[data-keep][open]', e.detail.target).map((d) => d.dataset.keep);
    if (open.length) e.detail.target.ownerDocument.body.dataset.keepOpen = open.join(' ');
  });
  document.body.addEventListener('htmx:afterSettle', () => {
    const names = (document.body.dataset.keepOpen || '').split(' ').filter(Boolean);
    delete document.body.dataset.keepOpen;
    for (const name of names) document.querySelector(`details[data-keep="${CSS.escape(name)}"]`)?.setAttribute('open', '');
  });
})();
