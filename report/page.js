/* SPDX-License-Identifier: BSD-3-Clause */
/* Makes the page of copper report from the data in it. Names of files and hosts are chosen by other
 * people: text is set by textContent alone. Any member of the data may be missing or of another type. */
(function () {
'use strict';

const data = JSON.parse(document.getElementById('data').textContent);
const main = document.getElementById('main');

/* --- data of any form ------------------------------------------------------------------------- */

const num = (x) => typeof x === 'number' && isFinite(x) ? x : 0;
const text = (x) => typeof x === 'string' ? x : typeof x === 'number' ? String(x) : '';
const list = (x) => Array.isArray(x) ? x.filter((y) => y !== null) : [];
const object = (x) => x !== null && typeof x === 'object' && !Array.isArray(x) ? x : {};
const sum = object(data.counters), past = object(data.past_trees), lists = object(data.paths);
const add = (...names) => names.reduce((s, n) => s + num(sum[n]), 0);

/* --- figures as text -------------------------------------------------------------------------- */

const grouped = (n) => Math.round(n).toLocaleString('en-US');
function bytes(n) {
  const units = ['KB', 'MB', 'GB', 'TB', 'PB'];
  if (n < 1024) return Math.round(n) + ' B';
  let value = n / 1024, unit = 0;
  while (value >= 1023.95 && unit + 1 < units.length) { value /= 1024; unit++; }
  return value.toFixed(1) + ' ' + units[unit];
}
function seconds(s) {
  if (s === 0) return '0 s';
  if (s >= 7200) return (s / 3600).toFixed(1) + ' h';
  if (s >= 120) return (s / 60).toFixed(1) + ' min';
  if (s >= 1) return s.toFixed(1) + ' s';
  if (s >= 0.001) return (s * 1e3).toFixed(s >= 0.1 ? 0 : 1) + ' ms';
  return Math.round(s * 1e6) + ' \u00b5s';
}
function compact(n) {
  for (const [unit, name] of [[1e12, 'T'], [1e9, 'G'], [1e6, 'M'], [1e3, 'k']])
    if (n >= unit) return String(Number((n / unit).toPrecision(3))) + ' ' + name;
  return String(Number(n.toPrecision(3)));
}
const micros = (us) => seconds(us / 1e6);
const ratio = (a, b) => b > 0 ? (a / b >= 100 ? grouped(a / b) : (a / b).toFixed(1)) + '\u00d7' : '\u2013';
const percent = (a, b) => b > 0 ? (100 * a / b).toFixed(1) + ' %' : '\u2013';
const kinds = { n: grouped, bytes: bytes, us: micros, text: text, path: text };

/* --- elements --------------------------------------------------------------------------------- */

function make(tag, attributes, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes || {})) element.setAttribute(name, value);
  for (const child of children) element.append(child);
  return element;
}
function svg(tag, attributes) {
  const element = document.createElementNS('http://www.w3.org/2000/svg', tag);
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  return element;
}
const note = (words) => make('p', { class: 'note' }, words);
const advise = (words) => make('p', { class: 'advice' }, words);

function section(id, title) {
  const element = make('section', { id: id, 'aria-labelledby': id + '-title' },
    make('h2', { id: id + '-title' }, title));
  main.append(element);
  document.getElementById('contents').append(make('li', {}, make('a', { href: '#' + id }, title)));
  return element;
}
const style = (name) => getComputedStyle(document.documentElement).getPropertyValue('--' + name).trim();
const redraws = [];
function redraw(draw) { redraws.push(draw); draw(); }
let again = 0;
function drawAgain() {
  cancelAnimationFrame(again);
  again = requestAnimationFrame(() => redraws.forEach((draw) => draw()));
}
matchMedia('(prefers-color-scheme: dark)').addEventListener('change', drawAgain);
addEventListener('resize', drawAgain);

/* --- a table that can be sorted ----------------------------------------------------------------
 * columns: [key, title, kind]; rows: objects. The first `limit` rows are shown. */
function table(parent, caption, columns, rows, options) {
  const o = Object.assign({ limit: 20, sort: null, filter: false, mark: null }, options);
  if (rows.length === 0) { parent.append(note(caption + ': nothing was recorded.')); return; }
  const head = make('tr', {}), body = make('tbody', {}), more = make('button', { class: 'more', type: 'button' });
  const box = make('div', { class: 'scroll', tabindex: '0', role: 'region', 'aria-label': caption },
    make('table', {}, make('caption', {}, caption), make('thead', {}, head), body));
  let key = o.sort, down = true, shown = o.limit, wanted = '';

  function value(row, column) {
    return column[2] === 'text' || column[2] === 'path' ? text(row[column[0]]) : num(row[column[0]]);
  }
  function sorted() {
    const column = columns.find((c) => c[0] === key);
    let all = rows;
    if (wanted) all = all.filter((r) => columns.some((c) => text(r[c[0]]).includes(wanted)));
    if (!column) return all;
    return all.slice().sort((a, b) => {
      const x = value(a, column), y = value(b, column);
      const order = typeof x === 'string' ? x.localeCompare(y) : x - y;
      return down ? -order : order;
    });
  }
  function fill() {
    const all = sorted();
    body.replaceChildren(...all.slice(0, shown).map((row) => {
      const tr = make('tr', {});
      columns.forEach((column, i) => {
        const figure = column[2] !== 'text' && column[2] !== 'path';
        const cell = make(i === 0 ? 'th' : 'td', { class: figure ? 'n' : column[2] }, kinds[column[2]](value(row, column)));
        if (i === 0) { cell.setAttribute('scope', 'row'); }
        if (figure) cell.dataset.value = value(row, column);
        if (o.mark && i > 0 && row[o.mark]) cell.dataset[o.mark] = row[o.mark];
        tr.append(cell);
      });
      return tr;
    }));
    for (const th of head.children) {
      if (th.dataset.key === key) th.setAttribute('aria-sort', down ? 'descending' : 'ascending');
      else th.removeAttribute('aria-sort');
    }
    more.hidden = all.length <= shown;
    more.textContent = 'Show more (' + grouped(Math.min(shown, all.length)) + ' of ' + grouped(all.length) + ')';
  }
  for (const column of columns) {
    const button = make('button', { type: 'button' }, column[1]);
    const th = make('th', { scope: 'col', class: column[2] === 'text' || column[2] === 'path' ? '' : 'n' }, button);
    th.dataset.key = column[0];
    button.addEventListener('click', () => {
      down = key === column[0] ? !down : column[2] !== 'text' && column[2] !== 'path';
      key = column[0];
      fill();
    });
    head.append(th);
  }
  more.addEventListener('click', () => { shown = shown * 5; fill(); });
  if (o.filter) {
    const input = make('input', { type: 'search', size: '16' });
    input.addEventListener('input', () => { wanted = input.value; fill(); });
    parent.append(make('div', { class: 'tools' }, make('label', {}, 'Filter', input)));
  }
  parent.append(box, more);
  fill();
}

/* --- charts ----------------------------------------------------------------------------------- */

/* Lines over x. series: {name, colour, values}. */
function lines(parent, label, x, series, options) {
  const o = Object.assign({ log: false, x: (v) => String(v), y: grouped, axis: compact, height: 220 }, options);
  const figure = make('figure', { role: 'img', 'aria-label': label });
  let chart = null;
  parent.append(figure);
  redraw(() => {
    if (chart) chart.destroy();
    figure.replaceChildren();
    const axis = { stroke: style('text'), grid: { stroke: style('line'), width: 1 }, ticks: { stroke: style('line') } };
    chart = new uPlot({
      width: Math.max(200, figure.clientWidth), height: o.height, title: '',
      scales: { x: { time: false, distr: o.log ? 3 : 1 } },
      axes: [
        Object.assign({ values: (u, ticks) => ticks.map((t) => t === null ? '' : o.x(t)) }, axis),
        Object.assign({ size: 70, values: (u, ticks) => ticks.map((t) => o.axis(t)) }, axis)],
      series: [{ label: o.name || 'time', value: (u, v) => v === null ? '' : o.x(v) }].concat(series.map((s) => ({
        label: s.name, stroke: style(s.colour), width: 2, dash: s.dash, points: { show: x.length < 3 },
        value: (u, v) => v === null ? '' : o.y(v) }))),
    }, [x].concat(series.map((s) => s.values)), figure);
  });
}

/* Parts of a whole, as one bar. parts: {name, colour, value}. */
function bar(parent, label, parts, show) {
  const total = parts.reduce((s, p) => s + p.value, 0);
  if (total <= 0) return;
  const figure = make('figure', {}), legend = make('ul', { class: 'legend' });
  const picture = svg('svg', { viewBox: '0 0 1000 36', width: '100%', height: '28', preserveAspectRatio: 'none',
    role: 'img', 'aria-label': label });
  let at = 0;
  for (const part of parts) {
    const width = 1000 * part.value / total, key = svg('svg', { viewBox: '0 0 10 10', 'aria-hidden': 'true' });
    const rect = svg('rect', { x: at, y: 0, width: Math.max(0, width), height: 36 });
    rect.style.fill = 'var(--' + part.colour + ')';
    picture.append(rect);
    at += width;
    const square = svg('rect', { width: 10, height: 10 });
    square.style.fill = 'var(--' + part.colour + ')';
    key.append(square);
    legend.append(make('li', {}, key, part.name + ': ' + show(part.value) + ' (' + percent(part.value, total) + ')'));
  }
  figure.append(picture, legend);
  parent.append(figure);
}

/* Viridis: even steps of lightness, also for eyes that see few colours. */
const viridis = [[68, 1, 84], [71, 44, 122], [59, 81, 139], [44, 113, 142], [33, 144, 141], [39, 173, 129], [92, 200, 99],
  [170, 220, 50], [253, 231, 37]];
function heat(share) {
  const at = Math.min(1, Math.max(0, share)) * (viridis.length - 1), i = Math.min(viridis.length - 2, Math.floor(at));
  const mix = viridis[i].map((c, j) => Math.round(c + (viridis[i + 1][j] - c) * (at - i)));
  return 'rgb(' + mix.join(',') + ')';
}

/* A picture on a canvas of this many CSS pixels. */
function canvas(parent, label, paint) {
  const element = make('canvas', { role: 'img', 'aria-label': label });
  const figure = make('figure', {}, element);
  parent.append(figure);
  redraw(() => {
    const width = Math.max(200, figure.clientWidth), scale = devicePixelRatio || 1;
    const height = paint(null, width);
    element.width = Math.round(width * scale);
    element.height = Math.round(height * scale);
    element.style.width = width + 'px';
    element.style.height = height + 'px';
    const context = element.getContext('2d');
    context.scale(scale, scale);
    paint(context, width);
  });
  return element;
}

/* --- sections --------------------------------------------------------------------------------- */

const requests = Object.keys(sum).filter((n) => n.startsWith('fuse_') && n !== 'fuse_forget')
  .reduce((s, n) => s + num(sum[n]), 0);
const objects = add('hit_here', 'hit_negative', 'hit_flight', 'hit_parent', 'hit_storage');
const operations = add('storage_stat', 'storage_readdir', 'storage_readlink', 'storage_open', 'storage_read',
  'storage_xattr', 'storage_statfs', 'storage_revalidate', 'storage_holes');
const answered = Math.max(1, num(data.answered));
const rows = list(data.latency).map(object);
const calls = rows.filter((r) => text(r.op).startsWith('storage_') && r.answer === 'call');
const answers = rows.filter((r) => !text(r.op).startsWith('storage_'));
const spent = (all) => all.reduce((s, r) => s + num(r.mean_us) * num(r.count), 0) / 1e6;
const counted = (all) => all.reduce((s, r) => s + num(r.count), 0);

function cards(parent, all) {
  const box = make('div', { class: 'cards' });
  for (const [name, shown, label, value] of all) {
    const figure = make('b', {}, shown);
    figure.id = name;
    figure.dataset.value = value;
    box.append(make('div', { class: 'card' }, figure, make('span', {}, label)));
  }
  parent.append(box);
}

function head() {
  const facts = [], start = num(data.begin_ms), silent = list(data.missing).map(object), left = list(data.left_out).length;
  if (text(data.job)) facts.push('job ' + text(data.job).slice(0, 8));
  facts.push(grouped(num(data.answered)) + (num(data.answered) === 1 ? ' node' : ' nodes'));
  if (left > 0) facts.push(grouped(left) + ' left out at the launch');
  if (num(data.seconds) > 0) facts.push(seconds(num(data.seconds)));
  if (start > 0) facts.push('launched ' + new Date(start).toISOString().replace('T', ' ').slice(0, 19) + ' UTC');
  if (text(data.mount)) facts.push(text(data.mount));
  if (text(data.network)) facts.push(text(data.network));
  if (text(data.version)) facts.push('Copper ' + text(data.version));
  document.getElementById('subtitle').textContent = facts.join(' \u00b7 ');
  if (silent.length > 0) {
    const warning = document.getElementById('warning'), names = silent.map((n) => text(n.host));
    warning.hidden = false;
    warning.textContent = 'Not in the figures, because ' + (silent.length === 1 ? 'it' : 'they') + ' did not answer: ' +
      names.slice(0, 20).join(', ') + (names.length > 20 ? ' and ' + grouped(names.length - 20) + ' more nodes' : '');
  }
}

function saved() {
  const s = section('saved', 'What was saved');
  const storageBytes = num(sum.storage_bytes), kernelBytes = num(sum.kernel_bytes);
  cards(s, [
    ['operations_without', grouped(objects), 'storage operations without Copper', objects],
    ['operations_with', grouped(operations), 'storage operations with Copper', operations],
    ['operations_ratio', ratio(objects, operations), 'fewer operations', operations > 0 ? objects / operations : 0],
    ['bytes_without', bytes(kernelBytes), 'read from storage without Copper', kernelBytes],
    ['bytes_with', bytes(storageBytes), 'read from storage with Copper', storageBytes],
    ['bytes_ratio', ratio(kernelBytes, storageBytes), 'fewer bytes', storageBytes > 0 ? kernelBytes / storageBytes : 0]]);
  for (const advice of list(data.advice).map(object)) if (text(advice.text))
    s.append(advise(text(advice.text) + (num(advice.seconds) > 0 ? '. All processes together waited about ' + seconds(num(advice.seconds)) + ' for this.' : '')));
  s.append(note('Without Copper, each object that a node\u2019s kernel asked for would have been an operation on storage, ' +
    'and each byte that it got would have been read there. What the kernel answers from its own caches is counted in neither.'));
  s.append(make('h3', {}, 'An estimate of the time'));
  const call = counted(calls) > 0 ? spent(calls) / counted(calls) : 0, waited = spent(answers) / answered;
  if (call <= 0) {
    s.append(note('No storage operation was timed, so there is no estimate.'));
    return;
  }
  const without = objects * call / answered;
  cards(s, [
    ['time_without', seconds(without), 'waiting on each node without Copper, if storage never got slower', without],
    ['time_with', seconds(waited), 'waiting on each node with Copper, measured', waited],
    ['time_call', seconds(call), 'an operation on storage, the mean', call]]);
  const rate = make('input', { type: 'number', min: '1', step: '1000', value: '50000', id: 'rate' });
  const result = make('p', { class: 'status', 'aria-live': 'polite' });
  function estimate() {
    const r = Number(rate.value);
    result.textContent = r > 0 ? 'At that rate storage alone would have needed ' + seconds(objects / r) +
      ' without Copper, and ' + seconds(operations / r) + ' with it.' : 'Give a rate above 0.';
  }
  rate.addEventListener('input', estimate);
  s.append(make('div', { class: 'tools' }, make('label', {}, 'Operations a second that storage can do for all nodes together:', rate)), result);
  estimate();
  s.append(note('How it is made. With: the sum of the times of all answers to the kernels, divided by the nodes; answers that were ' +
    'waited for at the same time count each. Without: the objects of a node times the mean time of a storage operation in this job, ' +
    'one after the other. Storage that is asked by all nodes at once gets slower: the rate above is the better bound for many nodes, ' +
    'and is not measured; set what your file system\u2019s metadata server can do.'));
}

/* A table with columns and rows, as objects. */
function records(t) {
  const columns = list(object(t).columns).map(text);
  return list(object(t).rows).filter(Array.isArray).map((row) => Object.fromEntries(columns.map((name, i) => [name, row[i]])));
}

function timeline() {
  const s = section('timeline', 'Time line'), x = [], bins = [];
  let end = 0;
  for (const bin of records(data.timeline).sort((a, b) => num(a.begin_ms) - num(b.begin_ms))) {
    const begin = num(bin.begin_ms), width = num(bin.width_ms);
    if (width <= 0 || begin < end) continue;
    if (begin > end) { /* empty bins are left out */
      x.push(end / 1000); bins.push({});
      if (begin - end > width) { x.push((begin - width) / 1000); bins.push({}); }
    }
    x.push(begin / 1000); bins.push(bin);
    end = begin + width;
  }
  if (bins.length === 0) {
    s.append(note('Not recorded. A launch with -P records it.'));
    return;
  }
  x.push(end / 1000); bins.push({});
  const rate = (name) => bins.map((bin) => bin.width_ms ? num(bin[name]) * 1000 / num(bin.width_ms) : 0);
  s.append(make('h3', {}, 'Requests a second, by where the answer was'));
  lines(s, 'Requests a second over time, by where the answer was', x, [
    { name: 'on the node', colour: 'here', values: rate('here') },
    { name: 'on the way', colour: 'flight', values: rate('flight') },
    { name: 'from the parent', colour: 'parent', values: rate('parent') },
    { name: 'from storage', colour: 'storage', values: rate('storage') }], { x: seconds });
  s.append(make('h3', {}, 'Requests and storage operations a second'));
  lines(s, 'Requests of the kernels and storage operations a second over time', x, [
    { name: 'requests of the kernels', colour: 'parent', values: rate('requests') },
    { name: 'storage operations', colour: 'storage', values: rate('storage_operations'), dash: [6, 3] }], { x: seconds });
  s.append(make('h3', {}, 'Bytes a second'));
  lines(s, 'Bytes a second to the kernels and from storage over time', x, [
    { name: 'to the kernels', colour: 'parent', values: rate('kernel_bytes') },
    { name: 'from storage', colour: 'storage', values: rate('storage_bytes'), dash: [6, 3] }], { x: seconds, y: bytes, axis: bytes });
  s.append(make('h3', {}, 'Requests that wait, on average'));
  lines(s, 'Requests that wait at a time, over time', x,
    [{ name: 'waiting', colour: 'flight', values: rate('wait_us').map((v) => v / 1e6) }], { x: seconds, y: (v) => v.toFixed(1), height: 160 });
  s.append(note('Seconds after the launch, by the nodes\u2019 clocks.'));
}

function where() {
  const s = section('where', 'Where the answers were');
  bar(s, 'Objects by where the answer was', [
    { name: 'on the node', colour: 'here', value: add('hit_here') },
    { name: 'on the node: no such file', colour: 'other', value: add('hit_negative') },
    { name: 'already on the way', colour: 'flight', value: add('hit_flight') },
    { name: 'from the parent', colour: 'parent', value: add('hit_parent') },
    { name: 'from storage', colour: 'storage', value: add('hit_storage') }], grouped);
}

/* The share of answers up to a time, of rows added up. */
function distribution(all) {
  const buckets = new Map();
  for (const row of all)
    for (const pair of list(row.buckets)) {
      const high = Math.max(1, num(pair[0]));
      buckets.set(high, (buckets.get(high) || 0) + num(pair[1]));
    }
  return Array.from(buckets).sort((a, b) => a[0] - b[0]);
}

function latency() {
  const s = section('latency', 'How long answers took'), places = [['here', 'on the node', 'here'],
    ['flight', 'already on the way', 'flight'], ['parent', 'from the parent', 'parent'], ['storage', 'from storage', 'storage']];
  if (rows.length === 0) {
    s.append(note('Not recorded.'));
    return;
  }
  const curves = places.map(([answer, name, colour]) => ({ name: name, colour: colour,
    points: distribution(answers.filter((r) => r.answer === answer)) })).filter((c) => c.points.length > 0);
  const x = Array.from(new Set(curves.flatMap((c) => c.points.map((p) => p[0])))).sort((a, b) => a - b);
  for (const c of curves) {
    const total = c.points.reduce((n, p) => n + p[1], 0);
    let i = 0, below = 0;
    c.values = x.map((at) => {
      while (i < c.points.length && c.points[i][0] <= at) below += c.points[i++][1];
      return 100 * below / total;
    });
  }
  if (x.length > 0) {
    s.append(make('h3', {}, 'Share of answers up to a time'));
    lines(s, 'Share of answers that took at most a time', x, curves, { log: true, x: micros, name: 'up to', y: (v) => v.toFixed(1) + ' %', axis: (v) => v + ' %' });
  }
  table(s, 'By operation and place of the answer', [['op', 'operation', 'text'], ['answer', 'answer', 'text'], ['count', 'count', 'n'],
    ['errors', 'errors', 'n'], ['mean_us', 'mean', 'us'], ['p50_us', 'median', 'us'], ['p90_us', '90 %', 'us'],
    ['p99_us', '99 %', 'us'], ['max_us', 'longest', 'us']], rows, { sort: 'count', limit: 12 });
}

/* --- nodes ------------------------------------------------------------------------------------ */

const metrics = [['p99_us', 'answers: 99 % up to', 'us'], ['requests', 'requests of the kernel', 'n'], ['p50_us', 'answers: median', 'us'],
  ['max_us', 'longest answer', 'us'], ['parent', 'answers from the parent', 'n'], ['child_wants', 'requests of children', 'n'],
  ['storage_operations', 'storage operations', 'n'], ['storage_bytes', 'bytes from storage', 'bytes'],
  ['peer_bytes_in', 'bytes from other nodes', 'bytes'], ['peer_bytes_out', 'bytes to other nodes', 'bytes'],
  ['kernel_bytes', 'bytes to the kernel', 'bytes'], ['bypass_bytes', 'bytes past the trees', 'bytes'],
  ['requests_waiting_most', 'most requests waiting', 'n'], ['storage_waiting_most', 'most storage operations waiting', 'n'],
  ['cpu_ms', 'processor time of the daemon (ms)', 'n'], ['rss_bytes', 'memory of the daemon', 'bytes'],
  ['loop_longest_us', 'longest loop turn', 'us'], ['parents_lost', 'parents lost', 'n'], ['asked_again', 'asked again', 'n'],
  ['restarts', 'restarts', 'n']];
const RANKS_MAX = 1 << 20;

const isUp = (node) => node.state === 'up' || !node.state;

function readNodes() {
  const seen = new Set();
  return records(data.nodes).filter((n) => {
    const rank = n.rank, good = Number.isInteger(rank) && rank >= 0 && rank < RANKS_MAX && !seen.has(rank);
    seen.add(rank);
    return good;
  }).sort((a, b) => a.rank - b.rank);
}

/* Places of the nodes in a tree: level, and from where to where the subtree goes, by its size. Nodes whose ancestors
 * lead in a circle, or to no root, are left out. The tree's depth. */
function layOut(all, tree) {
  const byRank = new Map(all.map((n) => [n.rank, n])), children = new Map(), roots = [];
  for (const node of all) {
    const parent = Array.isArray(node.parents) ? node.parents[tree] : undefined;
    delete node.size;
    node.level = undefined;
    if (parent === -1) roots.push(node);
    else if (byRank.has(parent)) {
      if (!children.has(parent)) children.set(parent, []);
      children.get(parent).push(node);
    }
  }
  const order = roots.slice();
  for (const node of roots) node.level = 0;
  for (let i = 0; i < order.length; i++)
    for (const child of children.get(order[i].rank) || []) { child.level = order[i].level + 1; order.push(child); }
  for (const node of order) node.size = 1;
  for (const node of order.slice().reverse()) {
    const parent = node.level > 0 ? byRank.get(node.parents[tree]) : null;
    if (parent) parent.size += node.size;
  }
  let at = 0;
  for (const root of roots) { root.from = at; at += root.size; }
  for (const node of order) {
    let from = node.from + 1;
    for (const child of children.get(node.rank) || []) { child.from = from; from += child.size; }
  }
  return { levels: order.reduce((m, n) => Math.max(m, n.level + 1), 0), total: at };
}

/* Nodes as cells by rank, and as a tree: a row for each level, each node as wide as its subtree. */
function nodes() {
  const s = section('nodes', 'Nodes and tree'), all = readNodes();
  if (all.length === 0) {
    s.append(note('Figures of the single nodes were not recorded.'));
    return;
  }
  const there = metrics.filter((m) => all.some((n) => num(n[m[0]]) > 0));
  if (there.length === 0) return;
  const total = all[all.length - 1].rank + 1, trees = all.reduce((m, n) => Math.max(m, Math.min(64, list(n.parents).length)), 0);
  let place = layOut(all, 0);
  const choice = make('select', {}), scale = make('p', { class: 'status' }), status = make('p', { class: 'status', 'aria-live': 'polite' });
  for (const m of there) choice.append(make('option', { value: m[0] }, m[1]));
  s.append(make('div', { class: 'tools' }, make('label', {}, 'Show', choice)), scale);
  let metric = there[0], high = 1, low = 0;
  function share(node) {
    const value = num(node[metric[0]]);
    return high > low ? Math.log1p(Math.max(0, value - low)) / Math.log1p(high - low) : 0;
  }
  function choose() {
    metric = there.find((m) => m[0] === choice.value) || there[0];
    const values = all.filter(isUp).map((n) => num(n[metric[0]]));
    high = values.reduce((a, b) => Math.max(a, b), 0);
    low = values.reduce((a, b) => Math.min(a, b), high);
    scale.textContent = 'Dark: ' + kinds[metric[2]](low) + ', bright: ' + kinds[metric[2]](high) + ', on a logarithmic scale' +
      (values.length < all.length ? '; orange: no figures.' : '.');
  }
  choose();
  const byRank = new Array(total).fill(null), tell = (node) => {
    status.textContent = node ? 'rank ' + grouped(num(node.rank)) + ', ' + text(node.host) +
      (node.level === undefined ? '' : ', level ' + node.level) + (isUp(node) ? '' : ', ' + text(node.state)) + ': ' + kinds[metric[2]](num(node[metric[0]])) + ' ' + metric[1] : '';
  };
  for (const node of all) byRank[node.rank] = node;
  const cell = (width) => Math.max(3, Math.min(18, Math.floor(Math.sqrt(width * 320 / total))));
  s.append(make('h3', {}, 'By rank'));
  const map = canvas(s, 'Heat map of the nodes by rank; the table below has the same figures', (c, width) => {
    const size = cell(width), across = Math.max(1, Math.floor(width / size));
    if (c) {
      byRank.forEach((node, rank) => {
        c.fillStyle = node && isUp(node) ? heat(share(node)) : style('storage');
        c.fillRect((rank % across) * size, Math.floor(rank / across) * size, size - (size > 4 ? 1 : 0), size - (size > 4 ? 1 : 0));
      });
    }
    return Math.ceil(total / across) * size;
  });
  map.addEventListener('mousemove', (event) => {
    const box = map.getBoundingClientRect(), size = cell(box.width), across = Math.max(1, Math.floor(box.width / size));
    tell(byRank[Math.floor((event.clientY - box.top) / size) * across + Math.floor((event.clientX - box.left) / size)]);
  });
  const rowHeight = 22;
  if (place.levels > 1 || trees > 1) {
    const which = make('select', {});
    s.append(make('h3', {}, 'As a tree'));
    for (let t = 0; t < trees; t++) which.append(make('option', { value: String(t) }, 'tree ' + t));
    if (trees > 1) s.append(make('div', { class: 'tools' }, make('label', {}, 'Tree', which)));
    s.append(note('The root is at the top. A node is as wide as its subtree; where several share a pixel, the brightest is seen.'));
    const tree = canvas(s, 'The tree: a row for each level; the tables below have the same figures', (c, width) => {
      if (c)
        for (const node of all.filter((n) => n.size > 0).sort((a, b) => share(a) - share(b))) {
          const x = node.from / place.total * width, w = node.size / place.total * width;
          c.fillStyle = heat(share(node));
          c.fillRect(x, node.level * rowHeight, Math.max(1, w - (w > 6 ? 1 : 0)), rowHeight - 2);
        }
      return Math.min(place.levels, 200) * rowHeight;
    });
    tree.addEventListener('mousemove', (event) => {
      const box = tree.getBoundingClientRect(), level = Math.floor((event.clientY - box.top) / rowHeight);
      const at = (event.clientX - box.left) / box.width * place.total;
      tell(all.find((n) => n.size > 0 && n.level === level && n.from <= at && at < n.from + n.size));
    });
    which.addEventListener('change', () => { place = layOut(all, Number(which.value)); levelTable(); worst(); drawAgain(); });
  }
  s.append(status);
  const worstBox = make('div', {});
  s.append(worstBox);
  function worst() {
    worstBox.replaceChildren();
    table(worstBox, 'Nodes, worst first', [['host', 'node', 'text'], ['rank', 'rank', 'n']].concat(
      place.levels > 1 ? [['level', 'level', 'n']] : [], all.every(isUp) ? [] : [['state', 'state', 'text']], [metric],
      there.filter((m) => m !== metric)), all, { sort: metric[0], filter: all.length > 20, limit: 10 });
  }
  worst();
  choice.addEventListener('change', () => { choose(); worst(); drawAgain(); });
  const levelBox = make('div', {});
  s.append(levelBox);
  function levelTable() {
    const byLevel = [];
    levelBox.replaceChildren();
    if (place.levels < 2) return;
    for (const node of all.filter((n) => n.size > 0)) {
      const row = byLevel[node.level] = byLevel[node.level] || { level: node.level, nodes: 0 };
      row.nodes++;
      for (const [name, , kind] of there)
        row[name] = kind === 'us' ? Math.max(num(row[name]), num(node[name])) : num(row[name]) + num(node[name]);
    }
    table(levelBox, 'By level: sums, of times the longest', [['level', 'level', 'n'], ['nodes', 'nodes', 'n']].concat(there), byLevel);
  }
  levelTable();
}

/* --- paths ------------------------------------------------------------------------------------ */

function paths() {
  const s = section('paths', 'Paths'), classes = list(data.classes).map(object), found = object(data.distinct);
  const rowsOf = (name) => list(object(lists[name]).rows).map(object);
  if (!['by_wait', 'by_requests', 'by_bytes'].some((n) => rowsOf(n).length > 0) && classes.length === 0) {
    s.append(note('Not recorded. A launch with -P records the paths, with -A whole ones.'));
    return;
  }
  const where = [['nodes', 'nodes', 'n'], ['here', 'on the node', 'n'], ['flight', 'on the way', 'n'], ['parent', 'from the parent', 'n'],
    ['storage', 'from storage', 'n']];
  const what = [['lookups', 'lookups', 'n'], ['missing', 'no such file', 'n'], ['reads', 'reads', 'n'], ['listings', 'listings', 'n'], ['others', 'others', 'n']];
  const used = (columns, all) => columns.filter((c, i) => i < 2 || all.some((r) => num(r[c[0]]) > 0));
  const show = (caption, name, columns) => {
    const all = rowsOf(name);
    if (all.length > 0) table(s, caption, used([['path', 'path', 'path']].concat(columns), all), all, { sort: 'value', limit: 10, filter: all.length > 20 });
  };
  show('Slowest: time that processes waited', 'by_wait', [['value', 'waited', 'us'], ['max_us', 'longest', 'us']].concat(what, where));
  show('Most requests', 'by_requests', [['value', 'requests', 'n']].concat(what, where));
  show('Most bytes', 'by_bytes', [['value', 'bytes', 'bytes'], ['reads', 'reads', 'n']].concat(where));
  if (classes.length > 0)
    table(s, 'Classes of paths', used([['class', 'class', 'text'], ['requests', 'requests', 'n'], ['bytes', 'bytes', 'bytes'],
      ['wait_us', 'waited', 'us'], ['missing', 'no such file', 'n']].concat(where), classes),
      classes.map((c) => Object.assign({}, c, { class: text(c.class).replace(/_/g, ' ') })), { sort: 'requests' });
  if (num(found.paths) > 0) {
    s.append(make('p', {}, 'About ' + grouped(num(found.paths)) + ' paths were asked for, ' + grouped(num(found.one_node)) +
      ' of them by one node only' + (num(found.relative_error) > 0 ? ' (an estimate from a sample, \u00b1' + percent(num(found.relative_error), 1) + ').' : '.')));
    if (list(found.examples).length > 0)
      table(s, 'Asked for by one node only: examples', [['path', 'path', 'path'], ['host', 'node', 'text'], ['requests', 'requests', 'n'],
        ['bytes', 'bytes', 'bytes']], list(found.examples).map(object), { sort: 'bytes', limit: 10 });
  }
}

function search() {
  const s = section('search', 'Searched in vain'), negative = num(sum.hit_negative);
  const directories = list(object(lists.missing_directories).rows).map(object), names = list(object(lists.missing_names).rows).map(object);
  const found = new Map(list(object(lists.found_directories).rows).map(object).map((r) => [text(r.path), num(r.value)]));
  s.append(make('p', {}, grouped(negative) + ' of ' + grouped(objects) + ' objects (' + percent(negative, objects) +
    ') were names that a listing on the node proved not to exist.'));
  list(data.search).map(object).forEach((path, at) => {
    const variable = text(path.variable), name = variable || 'list ' + (at + 1), move = object(path.move);
    const entries = list(path.entries).map(object).map((e, i) => Object.assign({}, e, { place: i + 1, better: num(e.better) || 'none' }));
    const idle = entries.filter((e) => e.better === 'none').map((e) => text(e.entry)), saves = num(path.vain) - num(path.vain_better);
    if (entries.length === 0) return;
    s.append(make('h3', {}, variable ? variable + ', as ' + grouped(num(path.processes)) + ' processes had it' :
      'Searched one after the other, of no variable (an RPATH, sys.path, an environment that could not be read)'));
    if (num(move.saves) > 0)
      s.append(advise('Put ' + text(move.entry) + (move.first === true ? ' first' : ' before ' + text(move.before)) + (variable ? ' in ' + variable : '') +
        ': saves ' + grouped(num(move.saves)) + ' lookups on ' + grouped(num(move.nodes)) + ' nodes.'));
    if (variable && idle.length > 0)
      s.append(advise('Nothing was found in ' + idle.slice(0, 5).join(', ') + (idle.length > 5 ? ', ...' : '') + ': last, or left out of ' + variable + '.'));
    if (saves > 0)
      s.append(note('In the order of \u201cbetter place\u201d, ' + grouped(num(path.vain_better)) + ' lookups in place of ' + grouped(num(path.vain)) +
        ' would be in vain. Where a name is in two of the entries, another order finds another one.'));
    table(s, 'Entries of ' + name, [['entry', 'entry', 'path'], ['place', 'place', 'n'], ['vain', 'in vain', 'n'], ['found', 'found', 'n'],
      ['listings', 'listings', 'n'], ['wait_us', 'waited', 'us'], ['nodes', 'nodes', 'n'], ['better', 'better place', 'n']], entries, { sort: 'vain' });
  });
  for (const row of directories) row.found = found.get(text(row.path)) || 0;
  if (directories.length > 0)
    table(s, 'Directories in which names were looked up that do not exist', [['path', 'directory', 'path'], ['value', 'in vain', 'n'],
      ['found', 'found', 'n'], ['nodes', 'nodes', 'n']], directories, { sort: 'value', limit: 10, filter: directories.length > 20 });
  if (names.length > 0)
    table(s, 'Names that do not exist', [['name', 'name', 'path'], ['value', 'lookups', 'n'], ['nodes', 'nodes', 'n']], names,
      { sort: 'value', limit: 10, filter: names.length > 20 });
  if (directories.length === 0 && list(data.search).length === 0)
    s.append(note('Directories and names were not recorded. A launch with -P records them.'));
}

function above() {
  const s = section('above', 'Files above -M'), files = list(object(lists.past_trees).rows).map(object);
  if (num(past.bytes) === 0) {
    s.append(note('No byte was read past the trees because of -M.'));
    return;
  }
  const least = num(past.advice_bytes), some = least < num(past.largest);
  s.append(advise(bytes(num(past.bytes)) + ' were read past the trees, by each node itself, from files above -M' +
    (num(object(data.options).max_cacheable_bytes) > 0 ? ' (' + bytes(num(object(data.options).max_cacheable_bytes)) + ')' : '') +
    '. The largest has ' + bytes(num(past.largest)) + '. ' + (least === 0 ? 'None of them has room in the cache (-m).' :
    '-M ' + Math.ceil(least / 1048576) + 'MB would have avoided this' + (some ? ' for all that have room in the cache (-m).' : '.'))));
  if (files.length > 0)
    table(s, 'The heaviest of these files', [['path', 'path', 'path'], ['value', 'bytes', 'bytes'], ['nodes', 'nodes', 'n']], files, { sort: 'value', limit: 10 });
}

function ahead() {
  const s = section('ahead', 'Read ahead'), asked = num(sum.read_ahead), used = num(sum.read_ahead_used), wasted = num(sum.read_ahead_wasted);
  if (asked === 0) {
    s.append(note('Nothing was read ahead.'));
    return;
  }
  bar(s, 'Objects read ahead', [{ name: 'used', colour: 'here', value: used }, { name: 'gone unused', colour: 'storage', value: wasted },
    { name: 'in the cache, not used so far', colour: 'other', value: Math.max(0, asked - used - wasted) }], grouped);
  s.append(note(grouped(asked) + ' objects were requested before a program asked for them.'));
}

function counters() {
  const s = section('counters', 'All counters');
  s.append(note('As copper stats --all --json prints them; copper-stats(1) says what they are.'));
  table(s, 'Counters, summed over the nodes', [['name', 'counter', 'text'], ['value', 'value', 'n']],
    Object.entries(sum).map(([name, value]) => ({ name: name, value: num(value), counter: name })).filter((r) => r.value !== 0),
    { limit: 1000, mark: 'counter' });
}

head();
saved();
timeline();
where();
latency();
nodes();
paths();
search();
above();
ahead();
counters();
document.documentElement.dataset.ready = 'yes';
})();
