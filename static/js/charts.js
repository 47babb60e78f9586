/* Charts: a compact spec in <script type="application/json" data-chart="id">, colours from the CSS tokens at draw time.
   Plotly is fetched once a page shows its first chart. The spec also writes the data table under the chart (web/charts.py). */
(() => {
  const root = document.documentElement;
  const $$ = (sel, el = document) => [...el.querySelectorAll(sel)];

  const probe = document.createElement('canvas').getContext('2d', { willReadFrequently: true });
  const rgb = (css, alpha = 1) => {
    const span = Object.assign(document.createElement('span'), { hidden: true }); span.style.color = css; span.style.forcedColorAdjust = 'none'; root.append(span);
    probe.clearRect(0, 0, 1, 1); probe.fillStyle = getComputedStyle(span).color; probe.fillRect(0, 0, 1, 1); span.remove();
    const [r, g, b] = probe.getImageData(0, 0, 1, 1).data; return `rgba(${r},${g},${b},${alpha})`;
  };
  const specs = () => $$('script[data-chart]').map((s) => [document.getElementById(s.dataset.chart), JSON.parse(s.textContent)]);

  function build(spec, width) {
    const tok = (name, a) => rgb(`var(--${name})`, a);
    const ink2 = tok('ink-2'), ink3 = tok('ink-3'), line = tok('line'), surface = tok('surface');
    const font = { family: getComputedStyle(document.body).fontFamily, size: 12, color: ink2 };
    const data = spec.data.map((t) => {
      const c = tok(`chart-${t.color}`);
      const base = { x: t.x, y: t.y, name: t.name, showlegend: spec.data.length > 1 && !!t.name };
      if (t.role) return { ...base, mode: 'lines', line: { width: 0 }, fill: t.role === 'band-high' ? 'tonexty' : 'none', fillcolor: tok(`chart-${t.color}`, 0.16), hoverinfo: 'skip', showlegend: false };
      if (t.type === 'bar') return { ...base, type: 'bar', orientation: t.h ? 'h' : 'v', marker: { color: c, line: { color: surface, width: 1 }, ...(spec.partial && { pattern: { shape: t.x.map((v) => v === spec.partial ? '/' : ''), size: 6, solidity: 0.35, bgcolor: surface, fgcolor: c } }) } };
      if (t.mode === 'markers') return { ...base, mode: 'markers', marker: { color: c, size: 9, symbol: t.symbol, line: { color: c, width: 1.5 } }, error_x: t.err && { array: t.err, color: c, thickness: 1.5, width: 3 } };
      return { ...base, mode: 'lines', line: { color: c, width: 2, dash: t.dash || 'solid' } };
    });
    const axis = (a = {}) => ({ ...(a.title && { title: { text: a.title, font: { ...font, color: ink3 }, standoff: 8 } }), tickformat: a.format, range: a.range, autorange: a.reverse ? 'reversed' : undefined, gridcolor: line, linecolor: line, zeroline: false, fixedrange: true, automargin: true, tickfont: font, nticks: a.reverse ? undefined : 6, dtick: a.reverse ? 1 : a.step });
    const x = axis(spec.x), y = axis(spec.y);
    if (spec.dates) Object.assign(x, { type: 'date', showgrid: false, ticks: 'outside', tickcolor: line, nticks: width < 420 ? 4 : 7, tickformat: spec.dates === 'month' ? '%b<br>%Y' : '%-d %b', hoverformat: spec.dates === 'month' ? '%b %Y' : '%-d %b %Y' });
    const limits = spec.limits || [], marks = spec.marks || [], unknown = spec.unknown || [];
    // Months whose outcomes are not complete: a hatched field on a hidden unit scale, never a line
    for (const u of unknown) {
      const a = +new Date(u.x0), b = +new Date(u.x1);
      data.push({ type: 'bar', x: [new Date((a + b) / 2).toISOString()], y: [1], width: [b - a], yaxis: 'y2', hoverinfo: 'skip', showlegend: false, marker: { color: 'rgba(0,0,0,0)', line: { width: 0 }, pattern: { shape: '/', size: 7, solidity: 0.15, fgcolor: ink3, bgcolor: 'rgba(0,0,0,0)' } } });
    }
    const shapes = [...limits.map((l) => 'y' in l
      ? { type: 'line', xref: 'paper', x0: 0, x1: 1, y0: l.y, y1: l.y, line: { color: ink2, width: 1.25, dash: '4px,3px' } }
      : { type: 'line', yref: 'paper', y0: 0, y1: 1, x0: l.x, x1: l.x, line: { color: ink2, width: 1.25, dash: '4px,3px' } }),
      ...marks.map((m) => ({ type: 'line', yref: 'paper', y0: 0, y1: 1, x0: m.x, x1: m.x, line: { color: ink3, width: 1 } }))];
    const annotations = [...limits.map((l) => 'y' in l
      ? { xref: 'paper', x: 1, xanchor: 'left', xshift: 6, y: l.y, yanchor: 'middle', text: l.label, showarrow: false, font: { ...font, size: 11 } }
      : { yref: 'paper', y: 0, yanchor: 'bottom', x: l.x, xanchor: 'right', xshift: -4, text: l.label, showarrow: false, font: { ...font, size: 11 } }),
      ...marks.map((m) => ({ yref: 'paper', y: 1, yanchor: 'top', x: m.x, xanchor: 'left', xshift: 4, text: m.label, showarrow: false, font: { ...font, size: 11, color: ink3 } })),
      ...unknown.map((u) => ({ x: new Date((+new Date(u.x0) + +new Date(u.x1)) / 2).toISOString(), xanchor: 'center', yref: 'paper', y: 0.5, yanchor: 'middle', text: u.label, showarrow: false, bgcolor: surface, borderpad: 3, font: { ...font, size: 11 } }))];
    return [data, {
      paper_bgcolor: 'rgba(0,0,0,0)', plot_bgcolor: 'rgba(0,0,0,0)', font, xaxis: x, yaxis: y, ...(unknown.length && { yaxis2: { overlaying: 'y', range: [0, 1], visible: false, fixedrange: true } }), shapes, annotations, autosize: true, bargap: 0.38, barmode: spec.stack ? 'stack' : 'overlay',
      margin: { l: spec.left || 34, r: Math.max(12, ...limits.filter((l) => 'y' in l).map((l) => l.label.length * 6 + 14)), t: 30, b: 8 }, hovermode: spec.dates ? 'x unified' : 'closest', hoverlabel: { bgcolor: tok('raised'), bordercolor: tok('line-strong'), font: { ...font, color: tok('ink') } },
      legend: { orientation: 'h', x: 0, y: 1.03, xanchor: 'left', yanchor: 'bottom', font, traceorder: 'normal' },
    }, { displayModeBar: false, displaylogo: false, showSendToCloud: false, plotlyServerURL: '', responsive: true, staticPlot: false }];
  }
  function draw(size = {}) {
    if (!window.Plotly) return;
    for (const [el, spec] of specs()) {
      if (!el) continue;
      el.querySelector('.skel')?.remove();
      const [data, layout, config] = build(spec, size.width || el.clientWidth);
      Plotly.react(el, data, { ...layout, ...size }, config);
    }
  }
  let loading = null;
  function load() {
    if (!document.querySelector('script[data-chart]')) return;
    if (window.Plotly) { draw(); return; }
    loading ??= new Promise((resolve) => {
      const script = document.createElement('script');
      script.src = document.querySelector('meta[name="plotly-source"]').content;
      script.addEventListener('load', resolve);
      document.head.append(script);
    });
    loading.then(() => draw());
  }
  load();
  document.body.addEventListener('htmx:afterSettle', (e) => { if (e.target.querySelector?.('script[data-chart]')) load(); });
  document.addEventListener('portal:theme', () => draw());

  // Paper is light and one column wide, whatever the screen was
  let before;
  addEventListener('beforeprint', () => { before = root.dataset.theme; root.dataset.theme = 'light'; draw({ width: 620, height: 250, autosize: false }); });
  addEventListener('afterprint', () => { if (before) root.dataset.theme = before; else delete root.dataset.theme; draw(); });
})();
