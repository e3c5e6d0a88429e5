// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Before each script that a test has run in a page: what the checks of browser pages share.
 * Those of a page return complaints, of which there should be none.
 */
'use strict';

/* The page's table of that name as { keys, rows of { text, value (data-value) } }; null: there are no rows. */
function pageTable(id) {
	const table = document.querySelector('table#t-' + id);

	if (!table)
		return null;
	return {
		keys: [...table.tHead.rows[0].cells].map(th => th.dataset.key),
		rows: [...table.tBodies[0].rows].map(tr => [...tr.cells].map(td => ({
			text: td.textContent, value: td.dataset.value,
		}))),
	};
}

/* What a person reads is value, but for the digits that are not shown. */
function reads(text, value) {
	const units = { '': 1, '%': 1, 's': 1e9, 'ms': 1e6, 'us': 1e3, 'ns': 1 };
	const match = /^([-+]?[0-9][0-9,]*)(\.[0-9]+)?(?: (%|s|ms|us|ns))?$/.exec(text);

	if (value === null)
		return text === '-';
	if (typeof value === 'boolean')
		return text === (value ? 'yes' : 'no');
	if (typeof value === 'string')
		return text === value;
	if (!match)
		return false;
	const unit = units[match[3] || ''], digits = match[2] ? match[2].length - 1 : 0;
	const shown = Number((match[1] + (match[2] || '')).replaceAll(',', '')) * unit;

	return Math.abs(shown - value) <= 0.5001 * unit * Math.pow(10, -digits) + 1e-9 * Math.abs(value);
}

function readsInterval(text, interval) {
	const match = /^\[(.*), (.*)\]$/.exec(text);

	return interval === null ? text === '-' : match !== null && reads(match[1], interval[0]) && reads(match[2], interval[1]);
}

/* "VALUE INTERVAL", of which the total one if there is one, and then the statistical on a line of its own. */
function readsEstimate(cell, e) {
	const match = /^(\S+) (-|\[.*?\])(?:statistical (-|\[.*?\]))?$/.exec(cell.text);

	if (e === null)
		return cell.text === '-';
	return match !== null && reads(match[1], e.value) && readsInterval(match[2], e.total || e.statistical) &&
		(e.total ? readsInterval(match[3] || '', e.statistical) : match[3] === undefined);
}

/* Where tables do not have what the JSON of 'counterspin report' has. */
function tablesDiffer(json, ids) {
	const complaints = [];

	for (const id of ids) {
		const want = json[id], got = pageTable(id);

		if (!want.length) {
			if (got || !document.querySelector('#t-' + id + ' .empty, #t-' + id + '[hidden]'))
				complaints.push(id + ': does not say that it is empty');
			continue;
		}
		if (!got || got.rows.length !== Math.min(want.length, 400)) {
			complaints.push(id + ': ' + (got ? got.rows.length : 'no') + ' rows, wanted ' + want.length);
			continue;
		}
		if (String(got.keys) !== String(Object.keys(want[0])))
			complaints.push(id + ': columns ' + got.keys + ', wanted ' + Object.keys(want[0]));
		got.rows.forEach((row, i) => row.forEach((cell, c) => {
			const value = want[i][got.keys[c]];
			const figure = value !== null && typeof value === 'object' ? value.value : value;
			const exact = typeof figure === 'boolean' ? Number(figure) : figure;

			if (!(value !== null && typeof value === 'object' ? readsEstimate(cell, value) : reads(cell.text, value)) ||
			    (cell.value !== undefined && Math.abs(Number(cell.value) - exact) > 1e-14 * Math.abs(exact)))
				complaints.push(id + ', row ' + i + ', ' + got.keys[c] + ': ' + JSON.stringify(cell) + ', wanted ' +
						JSON.stringify(value));
		}));
	}
	return complaints.slice(0, 10);
}

/* Where the charts' numbers, of six digits, are not the JSON's. */
function chartsDiffer(json) {
	const data = JSON.parse(document.getElementById('charts-data').textContent), complaints = [];

	for (const [id, columns] of Object.entries(data).filter(([id]) => id !== 'vms'))
		for (const [key, values] of Object.entries(columns)) {
			if (values.length !== json[id].length)
				complaints.push(id + ': ' + values.length + ' rows, wanted ' + json[id].length);
			json[id].forEach((row, i) => {
				const want = row[key] !== null && typeof row[key] === 'object' ? row[key].value : row[key];

				if (typeof want === 'number' ? values[i] === null || Math.abs(values[i] - want) > 6e-6 * Math.abs(want) :
				    typeof want === 'boolean' ? values[i] !== Number(want) : values[i] !== want)
					complaints.push(id + ', row ' + i + ', ' + key + ': ' + values[i] + ', wanted ' + want);
			});
		}
	return complaints.slice(0, 10);
}

/* [r, g, b, alpha] of a computed colour. */
function rgba(text) {
	const n = /^rgba?\((.*)\)$/.exec(text)[1].split(/[ ,/]+/).map(Number);

	return [n[0], n[1], n[2], n.length > 3 ? n[3] : 1];
}

function over(top, below) {
	return [0, 1, 2].map(i => top[i] * top[3] + below[i] * (1 - top[3])).concat([1]);
}

function background(e) {
	const own = rgba(getComputedStyle(e).backgroundColor);

	if (own[3] === 1)
		return own;
	return over(own, e.parentElement ? background(e.parentElement) : [255, 255, 255, 1]);
}

function luminance(colour) {
	const [r, g, b] = colour.map(v => v / 255).map(v => v <= 0.04045 ? v / 12.92 : Math.pow((v + 0.055) / 1.055, 2.4));

	return 0.2126 * r + 0.7152 * g + 0.0722 * b;
}

function contrast(a, b) {
	const [x, y] = [luminance(a), luminance(b)];

	return (Math.max(x, y) + 0.05) / (Math.min(x, y) + 0.05);
}

/* Visible text whose contrast is less than WCAG's 4.5, by kind of element. */
function faintText() {
	const complaints = new Map();
	let seen = 0;

	for (const e of document.body.querySelectorAll('*')) {
		if (![...e.childNodes].some(n => n.nodeType === Node.TEXT_NODE && n.data.trim()) || !e.getClientRects().length ||
		    e.closest('script, style, noscript, title'))
			continue;
		const style = getComputedStyle(e), ground = background(e.closest('svg') ? e.closest('svg').parentElement : e);
		const ink = over(rgba(e.closest('svg') ? style.fill : style.color), ground), c = contrast(ink, ground);

		seen++;
		if (c < 4.5)
			complaints.set(e.localName + '.' + e.getAttribute('class'), c.toFixed(2) + ' of ' + e.textContent.slice(0, 40));
	}
	return seen > 100 ? [...complaints].map(([what, why]) => what + ': ' + why) : ['only ' + seen + ' texts'];
}

/* What somebody who does not see the figures would miss. */
function inaccessible() {
	const complaints = [], ids = [...document.querySelectorAll('[id]')].map(e => e.id);
	let level = 0;

	for (const id of new Set(ids.filter((id, i) => ids.indexOf(id) !== i)))
		complaints.push('id ' + id + ' more than once');
	for (const e of document.querySelectorAll('svg, canvas, [role=img]'))
		if (!e.closest('[role=img][aria-label]:not([aria-label=""]), [aria-hidden=true]'))
			complaints.push('no label: ' + e.outerHTML.slice(0, 80));
	for (const e of document.querySelectorAll('figure[id]'))
		if (!document.querySelector('table#t-' + e.id.slice(2)))
			complaints.push('no table of ' + e.id);
	for (const e of document.querySelectorAll('h1, h2, h3, h4, h5, h6')) {
		if (Number(e.localName[1]) > level + 1)
			complaints.push('after a heading of level ' + level + ': ' + e.outerHTML.slice(0, 80));
		level = Number(e.localName[1]);
	}
	for (const e of document.querySelectorAll('main table')) {
		if (!e.caption || !e.caption.textContent)
			complaints.push('no caption: ' + e.id);
		for (const th of e.querySelectorAll('th'))
			if (!th.scope)
				complaints.push('no scope: ' + th.outerHTML);
	}
	for (const e of document.querySelectorAll('section'))
		if (!e.getAttribute('aria-label') && !document.getElementById(e.getAttribute('aria-labelledby')) &&
		    !e.querySelector('h2'))
			complaints.push('no name: section ' + e.id);
	for (const a of document.querySelectorAll('a[href^="#"]'))
		if (!document.getElementById(a.hash.slice(1)))
			complaints.push('leads nowhere: ' + a.hash);
	if (!document.documentElement.lang || !document.title || document.querySelectorAll('h1').length !== 1)
		complaints.push('no language, title or first heading');
	return complaints.slice(0, 10);
}

/* What is wider than the window, so that the page has to be moved sideways. */
function tooWide() {
	const room = document.documentElement.clientWidth;

	return document.documentElement.scrollWidth <= room ? [] :
		[...document.body.querySelectorAll('*')].filter(e => e.getBoundingClientRect().right > room + 1 && !e.closest('.scroll'))
			.map(e => e.localName + '#' + e.id + '.' + e.className + ': ' + Math.round(e.getBoundingClientRect().right)).slice(0, 10);
}

/* Labels of one SVG or chart that lie on each other. */
function overlaps() {
	const complaints = [];

	for (const parent of document.querySelectorAll('svg, .chart')) {
		const texts = [...parent.querySelectorAll('text, .dygraph-axis-label')].filter(e => e.textContent.trim());
		const boxes = texts.map(e => {
			const range = document.createRange();

			range.selectNodeContents(e);
			return range.getBoundingClientRect();
		});

		for (let i = 0; i < boxes.length; i++)
			for (let k = 0; k < i; k++)
				if (Math.min(boxes[i].right, boxes[k].right) - Math.max(boxes[i].left, boxes[k].left) > 1 &&
				    Math.min(boxes[i].bottom, boxes[k].bottom) - Math.max(boxes[i].top, boxes[k].top) > 3)
					complaints.push(parent.id + ': ' + texts[k].textContent + ' and ' + texts[i].textContent);
	}
	return complaints.slice(0, 10);
}
