// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Draws the charts of the page by dygraphs, from the JSON that the page carries,
 * and has the timeline drawn. It formats and draws, and computes nothing.
 *
 * Text from a recording reaches the page by textContent alone: dygraphs makes HTML
 * of its labels, so its series have names of ours, and legends are made here.
 */
'use strict';

(function () {
	const data = JSON.parse(document.getElementById('charts-data').textContent);
	const moments = JSON.parse(document.getElementById('timeline-data').textContent);
	const vms = moments ? moments.vms.map(vm => vm[1]) : [];	// in the order of their colours
	const charts = {};
	const LONG = 50;
	const looks = [matchMedia('(prefers-color-scheme: dark)'), matchMedia('print')];

	/* It would measure by a style attribute, which the page's policy forbids; legends are made here. */
	Dygraph.PLUGINS = Dygraph.PLUGINS.filter(plugin => plugin !== Dygraph.Plugins.Legend);

	function colour(name) {
		return getComputedStyle(document.documentElement).getPropertyValue('--' + name).trim();
	}

	function ns(value) {
		const units = [[1e9, 's'], [1e6, 'ms'], [1e3, 'us']];

		for (const [unit, name] of units)
			if (Math.abs(value) >= 0.9995 * unit)
				return Number((value / unit).toPrecision(3)) + ' ' + name;
		return Math.round(value) + ' ns';
	}

	function number(value) {
		if (Math.abs(value) >= 10000)
			return Math.round(value).toString().replace(/\B(?=(\d{3})+$)/g, ',');
		return String(Number(value.toPrecision(3)));
	}

	function percent(value) {
		return number(value) + ' %';
	}

	/* Seconds, as many digits as the distance of ticks needs. */
	function seconds(value, granularity, options, graph) {
		const [from, to] = graph ? graph.xAxisRange() : [0, 100];
		const digits = Math.max(0, Math.min(6, Math.ceil(1 - Math.log10((to - from) / 5))));

		return value.toFixed(digits) + ' s';
	}

	/* Ticks of an axis of log10(ns), so wide: powers of ten, and 2 and 5 times them where there is room. */
	function logTicks(from, to, pixels) {
		const ticks = [], room = pixels / (to - from), fine = room > 180, step = Math.ceil(55 / room);

		for (let power = Math.floor(from / step) * step; power <= Math.ceil(to); power += step)
			for (const factor of fine ? [1, 2, 5] : [1]) {
				const v = power + Math.log10(factor);

				if (v >= from && v <= to)
					ticks.push({ v: v, label: ns(Math.round(Math.pow(10, v))) });
			}
		return ticks;
	}

	function element(parent, name, className, text) {
		const e = document.createElement(name);

		if (className)
			e.className = className;
		if (text !== undefined)
			e.textContent = text;
		parent.append(e);
		return e;
	}

	/*
	 * A chart in the element c-ID: rows of [x, series...], series of { name, colour, format },
	 * and what dygraphs is to do otherwise. Its legend shows names, and values under the pointer.
	 */
	function chart(id, rows, series, showX, options) {
		const box = document.getElementById('c-' + id);
		const title = document.createElement('div'), legend = document.createElement('div');

		title.className = 'chart-title';
		title.textContent = box.getAttribute('aria-label');
		legend.className = 'chart-legend';
		box.before(title, legend);

		function show(x, values) {
			legend.textContent = '';
			series.forEach((s, i) => {
				const value = values && values[i];

				element(legend, 'span', 'k' + (s.key === undefined ? i : s.key), value === undefined || value === null ||
					Number.isNaN(value) ? s.name : s.name + ' ' + s.format(value));
			});
			if (values)
				element(legend, 'span', 'x', showX(x));
		}

		function look() {
			return {
				colors: series.map((s, i) => colour('c' + (s.key === undefined ? i : s.key))),
				axisLineColor: colour('line'), gridLineColor: colour('line'),
			};
		}

		const graph = new Dygraph(box, rows, Object.assign({
			labels: ['x'].concat(series.map((s, i) => 's' + i)),
			rightGap: 10, strokeWidth: 1.5, highlightCircleSize: 3, axisLabelWidth: 70,
			includeZero: true, animatedZooms: false,
			highlightCallback: (event, x, points) => {
				const values = [];

				for (const p of points)
					values[Number(p.name.slice(1))] = p.yval;
				show(x, values);
			},
			unhighlightCallback: () => show(0, null),
		}, look(), options));

		show(0, null);
		for (const query of looks)
			query.addEventListener('change', () => graph.updateOptions(look()));
		charts[id] = graph;
		return graph;
	}

	/* Words where there is nothing to draw. */
	function noChart(box, words) {
		const title = document.createElement('div'), empty = document.createElement('p');

		title.className = 'chart-title';
		title.textContent = box.getAttribute('aria-label');
		empty.className = 'empty';
		empty.textContent = words;
		box.replaceWith(title, empty);
	}

	/* Zoom one of these and the others follow. */
	function link(graphs) {
		let busy = false;

		for (const graph of graphs)
			graph.updateOptions({
				drawCallback: (drawn, first) => {
					if (busy || first)
						return;
					busy = true;
					for (const other of graphs)
						if (other !== drawn && String(other.xAxisRange()) !== String(drawn.xAxisRange()))
							other.updateOptions({ dateWindow: drawn.xAxisRange() });
					busy = false;
				},
			});
	}

	/* Steps of time that touch a gap, as stripes behind the lines. */
	function stripes(context, area, graph) {
		const t = data.over_time;

		context.fillStyle = colour('warn');
		context.globalAlpha = 0.18;
		t.t.forEach((from, i) => {
			if (!t.lost[i])
				return;
			const x0 = graph.toDomXCoord(from / 1e9);
			const x1 = i + 1 < t.t.length ? graph.toDomXCoord(t.t[i + 1] / 1e9) : area.x + area.w;

			context.fillRect(x0, area.y, x1 - x0, area.h);
		});
		context.globalAlpha = 1;
	}

	function drawOverTime() {
		const t = data.over_time;

		if (!t || t.t.length < 2) {
			for (const box of document.querySelectorAll('#over_time .chart'))
				noChart(box, 'Too short to be drawn over time.');
			return;
		}
		const x = t.t.map(v => v / 1e9);
		const rows = keys => x.map((v, i) => [v].concat(keys.map(key => t[key][i])));
		const axis = { x: { axisLabelFormatter: seconds }, y: { axisLabelFormatter: number } };
		const time = { axes: axis, underlayCallback: stripes, connectSeparatedPoints: false };
		const when = v => 'at ' + v.toFixed(3) + ' s';
		const graphs = [
			chart('rate', rows(['pause_exits', 'yields']),
				[{ name: 'PAUSE exits 1/s', format: number }, { name: 'yields 1/s', format: number }],
				when, Object.assign({}, time, { stepPlot: true })),
		];

		if (t.max_ns.some(v => v > 0))
			graphs.push(chart('response', rows(['p50_ns', 'p90_ns', 'max_ns']),
				[{ name: 'median', format: ns }, { name: '90 %', format: ns }, { name: 'longest', format: ns, key: 5 }],
				when, Object.assign({}, time, { logscale: true, includeZero: false, drawPoints: true, pointSize: 1.2,
					axes: { x: axis.x, y: { axisLabelFormatter: ns } } })));
		else
			noChart(document.getElementById('c-response'), 'No answered IPI was seen.');
		if (t.wasted_yields.some(v => v !== null))
			graphs.push(chart('wasted', rows(['wasted_yields']), [{ name: 'wasted yields', format: percent, key: 5 }],
				when, Object.assign({}, time, { stepPlot: true, valueRange: [0, 100.5] })));
		else
			noChart(document.getElementById('c-wasted'), 'Of no yield is it known whether it was wasted.');
		const by = data.over_time_by_vm;

		if (by && by.t.length) {
			const names = [...new Set(by.vm)], at = new Map();

			by.t.forEach((v, i) => {
				if (!at.has(v))
					at.set(v, [v / 1e9].concat(names.map(() => null)));
				at.get(v)[1 + names.indexOf(by.vm[i])] = by.pause_exits[i];
			});
			graphs.push(chart('by-vm', [...at.values()], names.map(name => ({ name: name, format: number, key: Math.max(0, vms.indexOf(name)) % 8 })),
				when, Object.assign({}, time, { stepPlot: true })));
		}
		link(graphs);
		const figure = document.getElementById('f-over_time'), reset = document.createElement('button');

		reset.textContent = 'Whole recording';
		reset.addEventListener('click', () => graphs[0].resetZoom());
		figure.prepend(reset);
		if (t.lost.some(Boolean))
			element(figure, 'figcaption', '', 'Stripes: steps of time that touch a gap.');
	}

	/* Vertical lines at [x, word, colour's name], and their words above one another where they are close. */
	function marks(context, area, graph, list) {
		const rows = [], seen = list.map(([x, word, name]) => ({ at: graph.toDomXCoord(x), word: word, name: name }))
			.filter(m => m.at >= area.x && m.at <= area.x + area.w);

		context.setLineDash([4, 3]);
		for (const m of seen) {
			context.strokeStyle = colour(m.name);
			context.beginPath();
			context.moveTo(m.at, area.y);
			context.lineTo(m.at, area.y + area.h);
			context.stroke();
		}
		context.setLineDash([]);
		context.font = '12px system-ui, sans-serif';
		for (const m of seen) {
			const width = context.measureText(m.word).width;
			const left = m.at + 4 + width > area.x + area.w ? m.at - 4 - width : m.at + 4;
			let row = 0;

			while (rows.some(r => r.row === row && r.left < left + width + 6 && left < r.right + 6))
				row++;
			rows.push({ row: row, left: left, right: left + width });
			context.fillStyle = colour('ground');
			context.fillRect(left - 2, area.y + 1 + 16 * row, width + 4, 15);
			context.fillStyle = colour(m.name);
			context.fillText(m.word, left, area.y + 12 + 16 * row);
		}
	}

	function drawHistogram(id, table, what) {
		const h = data[table], p = data.percentiles;

		if (!h || !h.from_ns.length)
			return;
		const rows = h.from_ns.map((v, i) => [Math.log10(v), h.share[i], i ? h.cumulative[i - 1] : 0]);

		rows.push([Math.log10(h.to_ns[h.to_ns.length - 1]), 0, 100]);
		chart(id, rows, [{ name: 'share', format: percent }, { name: 'up to here', format: percent, key: 1 }],
			v => 'from ' + ns(Math.pow(10, v)), {
				series: { s0: { stepPlot: true, fillGraph: true }, s1: { axis: 'y2', strokeWidth: 1.5 } },
				axes: { x: { ticker: logTicks, drawGrid: true }, y: { axisLabelFormatter: percent },
					y2: { axisLabelFormatter: percent, valueRange: [0, 100.5], drawGrid: false, independentTicks: true } },
				underlayCallback: (context, area, graph) => {
					const i = p.what.indexOf(what);

					marks(context, area, graph, [['p50_ns', 'median'], ['p90_ns', '90 %'], ['p99_ns', '99 %']]
						.filter(([key]) => i >= 0 && p[key][i] > 0)
						.map(([key, word]) => [Math.log10(p[key][i]), word + ' ' + ns(p[key][i]), 'soft']));
				},
			});
	}

	function drawWindow() {
		const curve = data.window_curve, choice = data.window_choice, least = 3;

		if (!curve || !curve.ipi_window_ns.length)
			return;
		const x = v => Math.max(least, Math.log10(Math.max(v, 1)));
		const rows = curve.ipi_window_ns.map((v, i) => [x(v), [curve.lo[i], curve.gain[i], curve.hi[i]]]);
		const last = rows[rows.length - 1], end = Math.max(8.3, last[0] + 0.2);

		rows.push([end, last[1]]);
		chart('window', rows.filter((row, i) => i + 1 === rows.length || rows[i + 1][0] > row[0]),
			[{ name: 'gain, percent (single decisions)', format: number }], v => v <= least ? 'with no window' : 'from a window of ' + ns(Math.pow(10, v)), {
				customBars: true, stepPlot: true, fillAlpha: 0.25, includeZero: false,
				axes: { x: { ticker: logTicks }, y: { axisLabelFormatter: percent } },
				underlayCallback: (context, area, graph) => {
					if (!choice || !choice.default_window.length)
						return;
					const chosen = choice.chosen[0] === null ? [] :
						[[x(choice.chosen[0]), 'chosen ' + ns(choice.chosen[0]), 'c5']];

					marks(context, area, graph, chosen.concat([[x(choice.default_window[0]),
						'default ' + ns(choice.default_window[0]), 'soft']]));
				},
			});
	}

	drawOverTime();
	drawHistogram('response-histogram', 'ipi_response_histogram', 'IPI response');
	drawHistogram('length-histogram', 'episode_length_histogram', 'wait with PAUSE exits');
	drawWindow();
	const timeline = document.getElementById('timeline');

	if (timeline)
		counterspinTimeline(timeline, moments);
	window.counterspin = Object.assign(window.counterspin || {}, { charts: charts });
	/* What is folded on a screen is printed, but for what fills sheets of paper. */
	const unfolded = [];

	addEventListener('beforeprint', () => {
		for (const details of document.querySelectorAll('main details:not([open], .tl-table)'))
			if (details.querySelectorAll('tr').length <= LONG) {
				details.open = true;
				unfolded.push(details);
			}
	});
	addEventListener('afterprint', () => {
		for (const details of unfolded.splice(0))
			details.open = false;
	});
})();
