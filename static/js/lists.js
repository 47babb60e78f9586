/* Lists: facets name what is chosen at once, controls outside the filter form submit it, empty values stay out of the address. */
(() => {
  const label = (input) => [...input.closest('label').childNodes].filter((n) => n.nodeType === Node.TEXT_NODE).map((n) => n.textContent).join('').trim();

  document.addEventListener('change', (e) => {
    const facet = e.target.closest?.('details[data-facet]');
    if (facet) {
      const all = [...facet.querySelectorAll('input')];
      const on = all.filter((input) => input.checked && input.value);
      const text = on.length < 3 ? on.map(label).join(', ') : `${on.length} of ${all.length}`;
      facet.classList.toggle('on', on.length > 0);
      facet.querySelector('[data-facet-value]').textContent = text;
    }
    const more = e.target.closest?.('details[data-more]');
    if (more) {
      const on = [...more.querySelectorAll('fieldset')].filter((set) => [...set.querySelectorAll('input')].some((input) => input.checked && input.value)).length;
      more.classList.toggle('on', on > 0);
      more.querySelector('[data-more-value]').textContent = on || '';
    }
    if (e.target.matches?.('[form="list-form"]') && !e.target.closest('form#list-form')) e.target.form?.requestSubmit();
  });

  document.body.addEventListener('htmx:configRequest', (e) => {
    if (e.detail.elt?.id !== 'list-form') return;
    for (const [name, value] of [...e.detail.formData.entries()]) if (value === '') e.detail.formData.delete(name);
    const usual = document.querySelector('[data-default-columns]')?.dataset.defaultColumns;
    if (usual === e.detail.formData.getAll('col').join(' ')) e.detail.formData.delete('col');
  });

  // A long list counts the rows behind a filter's values only while the filter is open
  const countIn = (facet) => {
    const first = facet.querySelector('.facet-count');
    if (first && !first.textContent) window.htmx?.trigger(facet, 'portal:count');
  };
  document.addEventListener('toggle', (e) => { if (e.target.open && e.target.matches?.('details[data-counts]')) countIn(e.target); }, true);
  document.body.addEventListener('htmx:afterSettle', () => document.querySelectorAll('details[data-counts][open]').forEach(countIn));

  // Selecting rows shows the selection bar; the form itself names what is allowed
  const count = (form) => {
    const bar = form.querySelector('[data-bulk]');
    if (!bar) return;
    const boxes = form.querySelectorAll('[data-select]');
    const n = form.querySelectorAll('[data-select]:checked').length;
    bar.hidden = n === 0;
    const all = form.querySelector('[data-select-all] input');
    if (all) { all.checked = n > 0 && n === boxes.length; all.indeterminate = n > 0 && n < boxes.length; }
    const out = bar.querySelector('[data-bulk-count]');
    if (out) out.textContent = `${n} selected`;
  };
  document.addEventListener('change', (e) => {
    const all = e.target.closest?.('[data-select-all]');
    if (all) for (const box of e.target.closest('form').querySelectorAll('[data-select]')) box.checked = e.target.checked;
    if (all || e.target.matches?.('[data-select]')) count(e.target.closest('form'));
  });
  document.addEventListener('click', (e) => {
    const clear = e.target.closest('[data-bulk-clear]');
    if (!clear) return;
    const form = clear.closest('form');
    for (const box of form.querySelectorAll('[data-select]:checked')) box.checked = false;
    count(form);
  });
})();
