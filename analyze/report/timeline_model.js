// SPDX-License-Identifier: GPL-2.0-or-later
// The timeline's data (timeline.h) as objects, and how times and picks are written. Draws nothing.
(function () {
	'use strict';

	const parts = window.counterspin = window.counterspin || {};
	const timeline = parts.timelineParts = parts.timelineParts || {};

	const LOOP_NS = 30000;	// replay/estimate/sends.c
	const UNITS = [[1e9, 's'], [1e6, 'ms'], [1e3, 'us'], [1, 'ns']];

	function unit(ns) {
		return UNITS.find(u => Math.abs(ns) >= u[0] * 0.9995) || UNITS[3];
	}

	/** Three significant digits: "18.4 ms", "730 ns". */
	function duration(ns) {
		const [size, name] = unit(ns);
		const value = ns / size;
		if (size === 1)
			return Math.round(value) + ' ns';
		const digits = Math.abs(value) >= 99.95 ? (size === 1e9 ? 1 : 0) : Math.abs(value) >= 9.995 ? 1 : 2;
		return value.toFixed(digits) + ' ' + name;
	}

	/** Decimals that tell times step ns apart, in units of size ns. */
	function decimals(step, size) {
		let n = 0;
		while (n < 9 && size / Math.pow(10, n) > step * 1.0001)
			n++;
		return n;
	}

	/** ns from the moment's start, as exact as steps of so many ns need: "+18.402 ms". */
	function offset(ns, step) {
		return (ns < 0 ? '\u2212' : '+') + (Math.abs(ns) / 1e6).toFixed(decimals(step, 1e6)) + ' ms';
	}

	/** ns from the recording's start: "31.424878331 s". */
	function seconds(ns, step) {
		const n = decimals(step, 1e9), size = Math.abs(ns);
		const whole = Math.floor(size / 1e9);
		const rest = String(Math.floor(size - whole * 1e9)).padStart(9, '0').slice(0, n);
		return (ns < 0 ? '\u2212' : '') + whole + (n ? '.' + rest : '') + ' s';
	}

	/** As elsewhere: "0xfc". */
	function vector(n) {
		return '0x' + n.toString(16).padStart(2, '0');
	}

	function vcpuName(idx) {
		return idx === null ? 'nobody' : 'vCPU ' + idx;
	}

	/** A pick word: {idx: number or null, certain, same: as recorded or not known}. */
	function pick(word) {
		const certain = !word.endsWith('?');
		const text = certain ? word : word.slice(0, -1);
		return { idx: /^\d+$/.test(text) ? Number(text) : null, certain, same: text === '=' };
	}

	/** A scan word as [{round, idx, step: place in steps or -1, result: '+', '-', '!' or '', certain}]. */
	function scan(word) {
		const steps = [], pattern = /(\/)|(\d+)([A-Za-z]?)([-+!]?)(\??)/g;
		let round = 1, m;
		while ((m = pattern.exec(word)) !== null) {
			if (m[1]) {
				round++;
				continue;
			}
			const c = m[3] ? m[3].charCodeAt(0) : 0;
			steps.push({ round, idx: Number(m[2]), step: !c ? -1 : c >= 97 ? c - 97 : c - 65 + 26,
				     result: m[4], certain: !m[5] });
		}
		return steps;
	}

	const RESULTS = { '+': 'yielded', '-': 'not yielded', '!': '-ESRCH', '': 'result not seen' };

	/** "vCPU 1: not ready; vCPUs 2, 3: preempted in user mode; vCPU 0: tried, yielded". */
	function scanWords(steps, names) {
		const out = [];
		let round = 1, group = [], what = null;
		const flush = () => {
			if (group.length)
				out.push((group.length > 1 ? 'vCPUs ' : 'vCPU ') + group.join(', ') + ': ' + what);
			group = [];
		};
		for (const s of steps) {
			const result = s.result || s.step < 0 ? RESULTS[s.result] : '';
			const step = s.step < 0 ? '' : names[s.step] || '';
			const text = [step, result].filter(w => w).join(', ') + (s.certain || s.step < 0 ? '' : ' (not certain)');
			if (s.round !== round || text !== what)
				flush();
			if (s.round !== round)
				out.push('round ' + s.round + ':');
			round = s.round;
			what = text;
			group.push(s.idx);
		}
		flush();
		return out.join('; ').replace(/:;/g, ':');
	}

	function decision(data, row, index) {
		const words = data.names;
		const outcomes = row[10] === null ? [] : words[row[10]].split('|');
		const e = row[11];
		return {
			index, id: row[0], idx: row[1], cpu: row[2], t: row[3], len: row[4], source: words[row[5]],
			pick: row[6], tried: row[7] === null ? [] : scan(words[row[7]]), tainted: row[8] === 1,
			picks: row[9] === null || words[row[9]] === '' ? [] : words[row[9]].split(' ').map(pick),
			outcome: outcomes[0] || '', outcomes: outcomes.slice(1),
			explained: e && { mode: e[0], lastBoosted: e[1], nrRunning: e[2], receivers: e[3],
					  states: e[4].map(w => words[w]), scans: e[5].map(w => words[w]) },
		};
	}

	/** Is it known that this policy picks another than the kernel did? */
	function policyDiffers(d, policy) {
		const p = d.picks[policy];
		return Boolean(p) && !p.same && d.source !== 'unknown' && p.idx !== d.pick;
	}

	/** Does one of these policies? */
	function differs(d, policies) {
		return policies.some(policy => policyDiffers(d, policy));
	}

	/** Of decisions, the one closest in time. */
	function nearest(list, time) {
		return list.reduce((a, b) => Math.abs(b.t - time) < Math.abs(a.t - time) ? b : a);
	}

	const WAIT_KINDS = [
		['preempted', 'preempted'], ['preempted', 'preempted in kernel mode'],
		['preempted-user', 'preempted in user mode'], ['waking', 'waking: waits for a CPU'], ['blocked', 'blocked'],
	];

	/** Stretches of every vCPU, by place in data.vcpus; each in time order. */
	function vcpuSpans(data, moment) {
		const spans = data.vcpus.map(() => []);
		for (const [cpu, list] of moment.run)
			for (let i = 0; i < list.length; i += 3) {
				const vcpu = data.threads[list[i]][2];
				if (vcpu !== null && vcpu !== undefined)
					spans[vcpu].push({ t: list[i + 1], len: list[i + 2], kind: 'running', cpu,
							   thread: list[i], what: 'on CPU ' + cpu });
			}
		for (const [vcpu, list] of moment.waits)
			for (let i = 0; i < list.length; i += 4) {
				const [kind, what] = WAIT_KINDS[list[i]];
				spans[vcpu].push({ t: list[i + 1], len: list[i + 2], kind, what, cpu: list[i + 3] });
			}
		for (const list of spans)
			list.sort((a, b) => a.t - b.t);
		return spans;
	}

	/** Of running spans, the parts within waits with PAUSE exits. */
	function spinning(spans, episodes) {
		const spins = [];
		for (const e of episodes)
			for (const s of spans) {
				const t = Math.max(s.t, e.t), end = Math.min(s.t + s.len, e.t + e.len);
				if (s.kind === 'running' && end > t)
					spins.push({ t, len: end - t, kind: 'spinning', cpu: s.cpu, of: s, episode: e,
						     what: 'spins (PAUSE) on CPU ' + s.cpu });
			}
		return spins.sort((a, b) => a.t - b.t);
	}

	function episode(words, e) {
		return { id: e[0], idx: e[1], t: e[2], len: e[3], cause: words[e[4]], awaited: e[5], confidence: e[6],
			 vector: e[7], ipi: e[8], first: e[9], last: e[10], n: e[11], tainted: e[12] === 1 };
	}

	function ipi(words, i) {
		const known = i.slice(5, 9).filter(t => t !== null);
		return { id: i[0], from: i[1], to: i[2], vector: i[3], how: words[i[4]], send: i[5], accept: i[6],
			 inject: i[7], ack: i[8], end: known[known.length - 1], tracked: i[9] === 1, tainted: i[10] === 1 };
	}

	/** How long a vCPU ran from t0 to t1. */
	function ran(spans, t0, t1) {
		return spans.filter(s => s.kind === 'running').reduce((sum, s) =>
			sum + Math.max(0, Math.min(s.t + s.len, t1) - Math.max(s.t, t0)), 0);
	}

	/**
	 * The IPIs that a wait is for: that of its episode, and those of its vector that the vCPU sent with less than
	 * LOOP_NS on a CPU between them, as replay takes them together.
	 */
	function awaitedIpis(wait, ipis, waiter) {
		const list = ipis.filter(i => i.from === wait.idx && i.to !== null && i.to !== i.from && i.vector === wait.vector)
			.sort((a, b) => a.send - b.send);
		const at = list.findIndex(i => i.id === wait.ipi);
		const near = (a, b) => a.send === b.send || ran(waiter.spans, a.send, b.send) < LOOP_NS;
		let first = at, last = at;
		while (first > 0 && near(list[first - 1], list[first]))
			first--;
		while (at >= 0 && last + 1 < list.length && near(list[last], list[last + 1]))
			last++;
		return at < 0 ? [] : list.slice(first, last + 1);
	}

	/** What a moment's wait is for: its ipis, its receivers in order, and the one that answers last. */
	function addAwaited(wait, ipis, own) {
		const waiter = own.find(v => v.idx === wait.idx);
		wait.ipis = waiter && wait.ipi !== null ? awaitedIpis(wait, ipis, waiter) : [];
		const whom = new Set(wait.ipis.map(i => i.to));
		if (wait.awaited !== null)
			whom.add(wait.awaited);
		wait.whom = [...whom].sort((a, b) => a - b);
	}

	/** One moment, ready to draw. */
	function moment(data, m) {
		const words = data.names;
		const spans = vcpuSpans(data, m);
		const episodes = m.episodes.map(e => episode(words, e));
		const vcpus = data.vcpus.map((v, i) => ({ vm: v[0], idx: v[1], id: v[2], spans: spans[i] }));
		const own = vcpus.filter(v => v.vm === m.vm);
		for (const v of own)
			v.spins = spinning(v.spans, episodes.filter(e => e.idx === v.idx));
		const cpus = m.run.map(([cpu, list]) => {
			const c = { cpu, spans: [], own: false };
			for (let i = 0; i < list.length; i += 3) {
				const [tid, comm, vcpu] = data.threads[list[i]];
				const of = vcpu === null || vcpu === undefined ? null : vcpus[vcpu];
				c.spans.push({ t: list[i + 1], len: list[i + 2], tid, comm, vcpu: of });
				c.own = c.own || (of !== null && of.vm === m.vm);
			}
			return c;
		}).sort((a, b) => a.cpu - b.cpu);
		const wait = episodes.find(e => e.id === m.episode) || null, ipis = m.ipis.map(i => ipi(words, i));
		if (wait)
			addAwaited(wait, ipis, own);
		return {
			raw: m, len: m.len, t0: m.t0, vm: m.vm, cpus, own, episodes,
			others: vcpus.filter(v => v.vm !== m.vm && v.spans.length),
			wait, ipis,
			gaps: m.gaps.map(g => ({ cpu: g[0], t: g[1], len: g[2], events: g[3], why: words[g[4]] })),
			decisions: m.decisions.map((row, index) => decision(data, row, index)),
		};
	}

	Object.assign(timeline, {
		duration, offset, seconds, vector, vcpuName, scan, scanWords, policyDiffers, differs, nearest, moment,
	});
})();
