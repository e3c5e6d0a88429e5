// SPDX-License-Identifier: GPL-2.0-or-later
// The timeline in words: what a decision saw and what each policy makes of it, as tables; tooltips; the legend.
// All text goes in by textContent: names in a recording are anybody's.
(function () {
	'use strict';

	const parts = window.counterspin = window.counterspin || {};
	const timeline = parts.timelineParts = parts.timelineParts || {};

	/** An element of a class with children, which are elements or texts. */
	function element(tag, className, ...children) {
		const e = document.createElement(tag);
		if (className)
			e.className = className;
		for (const child of children)
			e.append(child instanceof Node ? child : document.createTextNode(String(child)));
		return e;
	}

	function button(text, label, className, action) {
		const b = element('button', className, text);
		b.type = 'button';
		if (label) {
			b.setAttribute('aria-label', label);
			b.title = label;
		}
		b.addEventListener('click', action);
		return b;
	}

	function heading(row, text, className) {
		const cell = element('th', className, text);
		cell.scope = 'col';
		row.append(cell);
		return cell;
	}

	/** A table in a box of its own that scrolls, and that the keyboard reaches. */
	function table(caption, className) {
		const t = element('table', className, element('caption', 'tl-hidden', caption), element('thead'),
				  element('tbody'));
		const box = element('div', 'tl-scroll', t);
		box.tabIndex = 0;
		box.setAttribute('role', 'region');
		box.setAttribute('aria-label', caption);
		return { box, head: t.tHead.insertRow(), body: t.tBodies[0] };
	}

	function known(value) {
		return value === null ? 'not known' : String(value);
	}

	function pickWords(idx, source) {
		return source === 'unknown' ? 'not known' : timeline.vcpuName(idx);
	}

	/** "vCPU 7 (2)" where two are on their way there. */
	function receiverWords(list) {
		const by = new Map();
		for (const idx of list)
			by.set(idx, (by.get(idx) || 0) + 1);
		return (by.size > 1 ? 'vCPUs ' : 'vCPU ') +
			[...by].map(([idx, n]) => n > 1 ? idx + ' (' + n + ')' : idx).join(', ');
	}

	/** In what a column's states are known by: "probed", or several. */
	function columnSources(data, words, at) {
		const how = new Set();
		for (const word of words)
			how.add(word[at] === undefined || word[at] === '?' || word[at] === '!' ? 'not known' :
				data.known[Number(word[at]) >> 1]);
		return [...how];
	}

	function sourceSentence(data, words) {
		const by = new Map();
		data.states.forEach((name, at) => {
			const how = columnSources(data, words, at).join(' or ');
			by.set(how, (by.get(how) || []).concat(name));
		});
		return [...by].map(([how, names]) => how + ': ' + names.join(', ')).join('; ') + '.';
	}

	/* What the kernel's names of a vCPU's states mean; a state that is not here shows without. */
	const STATES = {
		ready: 'The kernel\u2019s vcpu->ready: it was preempted while it could run, or has been woken and has not run yet.',
		preempted: 'The kernel\u2019s vcpu->preempted: the scheduler took its CPU away while it could run.',
		in_kernel: 'When it last left its CPU, its guest was in kernel mode.',
		blocking: 'It sleeps in the kernel, halted, until it is woken.',
		dy_runnable: 'An interrupt waits for it since it last entered its guest: kvm_arch_dy_runnable().',
		pending_irq: 'An interrupt is posted to it and has not reached it yet; only Intel\u2019s APICv shows that.',
		on_cpu: 'Its thread runs on a CPU.',
		queued: 'Its thread is on a run queue: it runs, or waits for its CPU.',
		in_spin_loop: 'It is itself in kvm_vcpu_on_spin(): it spins, too.',
		dy_eligible: 'Whether a vCPU that spins may be yielded to this time; it changes each time that a scan asks for it.',
		racy: 'Something about it changed while the decision was made: which of both was seen is not certain.',
	};

	/** What the columns of the table mean, folded. */
	function stateWords(data) {
		const list = element('dl', 'tl-words');
		for (const name of data.states.concat('racy'))
			if (STATES[name])
				list.append(element('dt', '', name), element('dd', '', STATES[name]));
		return element('details', '', element('summary', '', 'What the columns mean'), list);
	}

	function stateTable(data, d) {
		const e = d.explained, t = table('States of the VM\u2019s vCPUs at decision ' + d.id, 'tl-states');
		heading(t.head, 'vCPU');
		for (const name of data.states.concat('racy'))
			heading(t.head, name, 'tl-turned').title = STATES[name] || '';
		heading(t.head, '');
		e.states.forEach((word, idx) => {
			const row = t.body.insertRow(), th = element('th', '', idx);
			th.scope = 'row';
			row.append(th);
			data.states.forEach((name, at) => {
				const digit = /\d/.test(word[at] || '') ? Number(word[at]) : null;
				const cell = row.insertCell();
				cell.textContent = digit === null ? '?' : digit & 1 ? '1' : '\u00b7';
				cell.className = digit === null ? 'tl-unknown' : digit & 1 ? 'tl-set' : 'tl-clear';
			});
			const racy = row.insertCell();
			racy.textContent = word.endsWith('!') ? '1' : '\u00b7';
			racy.className = word.endsWith('!') ? 'tl-set' : 'tl-clear';
			const role = row.insertCell();
			role.className = 'tl-role';
			if (idx === d.idx)
				role.append(element('span', 'tl-tag', 'the spinner'));
			if (e.receivers.includes(idx))
				role.append(element('span', 'tl-tag tl-tag-ipi', 'receiver of its IPI'));
			if (d.source !== 'unknown' && d.pick === idx)
				role.append(element('span', 'tl-tag', 'the kernel\u2019s pick'));
		});
		return t.box;
	}

	function policyRow(t, name, parameters, pick, differs, outcome, words) {
		const row = t.body.insertRow(), th = element('th', '', name);
		th.scope = 'row';
		if (parameters)
			th.title = parameters;
		row.append(th);
		row.className = differs ? 'tl-differs' : '';
		for (const text of [pick, outcome, words])
			row.insertCell().textContent = text;
		return row;
	}

	function policyTable(data, d) {
		const t = table('Decision ' + d.id + ' as each policy makes it', 'tl-policies');
		const e = d.explained;
		for (const name of ['policy', 'picks', 'outcome', 'its scan, vCPU by vCPU'])
			heading(t.head, name);
		policyRow(t, 'the kernel', '', pickWords(d.pick, d.source), false, d.outcome,
			  d.tried.length ? 'tried ' + timeline.scanWords(d.tried, []) : d.source === 'unknown' ? '' : 'tried nobody')
			.className = 'tl-recorded';
		data.policies.forEach((p, i) => {
			const pick = d.picks[i];
			if (!pick)
				return;
			const scan = e ? timeline.scanWords(timeline.scan(e.scans[i] || ''), data.steps) : '';
			const whom = pick.same ? 'the same, or not known' :
				timeline.vcpuName(pick.idx) + (pick.certain ? '' : ' (not certain)');
			policyRow(t, p.name, p.parameters, whom, timeline.policyDiffers(d, i), d.outcomes[i] || '',
				  scan || (e ? 'asks nobody' : 'not on this page'));
		});
		return t.box;
	}

	/** What 'explain' prints of a decision. */
	function decisionPanel(data, moment, d, vmName) {
		const panel = element('div', 'tl-detail'), e = d.explained;
		panel.append(element('h3', '', 'Decision ' + d.id + ': vCPU ' + d.idx + ' of ' + vmName +
				     ' spins on CPU ' + d.cpu));
		let facts = timeline.seconds(moment.t0 + d.t, 1) + ', ' + timeline.offset(d.t, 1e3) + ' in this moment' +
			(d.len === null ? '' : ', took ' + timeline.duration(d.len)) + '. ';
		if (e)
			facts += 'yield_to_kernel_mode ' + known(e.mode) + ', last_boosted_vcpu ' + known(e.lastBoosted) +
				', nr_running ' + known(e.nrRunning) + '. Its unicast IPIs out: ' +
				(e.receivers.length ? 'to ' + receiverWords(e.receivers) : 'none') + '. ';
		facts += 'The kernel\u2019s pick is ' + (d.source === 'unknown' ? 'not known' : d.source) + '.' +
			(d.tainted ? ' It touches a gap.' : '');
		panel.append(element('p', 'tl-facts', facts));
		const body = element('div', 'tl-columns');
		if (e) {
			const how = '1 yes, \u00b7 no, ? not known. ' + sourceSentence(data, e.states);
			body.append(element('div', 'tl-column', element('h4', '', 'What it saw'), stateTable(data, d),
					    element('p', 'tl-note', how), stateWords(data)));
		}
		const right = element('div', 'tl-column tl-wide', element('h4', '', 'What each policy makes of it'),
				      policyTable(data, d));
		if (!e)
			right.append(element('p', 'tl-note', 'What each policy saw is not on this page: \u2018counterspin ' +
					     'explain DB ' + d.id + '\u2019 prints it.'));
		body.append(right);
		panel.append(body);
		return panel;
	}

	/** The moment's decisions as a table; open(id) shows one. */
	function decisionTable(data, moment, open) {
		const t = table('Decisions of this moment', 'tl-decisions');
		for (const name of ['decision', 'time', 'vCPU', 'the kernel'].concat(data.policies.map(p => p.name)))
			heading(t.head, name);
		for (const d of moment.decisions) {
			const row = t.body.insertRow();
			row.insertCell().append(button(String(d.id), 'Show decision ' + d.id, 'tl-link', () => open(d.id)));
			row.insertCell().textContent = timeline.offset(d.t, 1e3);
			row.insertCell().textContent = d.idx;
			row.insertCell().textContent = d.source === 'unknown' ? '?' : d.pick === null ? 'nobody' : d.pick;
			data.policies.forEach((p, i) => {
				const pick = d.picks[i], cell = row.insertCell();
				if (pick)
					cell.textContent = pick.same ? '=' : (pick.idx === null ? 'nobody' : pick.idx) +
						(pick.certain ? '' : ' ?');
				if (timeline.policyDiffers(d, i))
					cell.className = 'tl-differs';
			});
		}
		return t.box;
	}

	function decisionTip(list, names, time) {
		const d = timeline.nearest(list, time);
		const lines = list.length > 1 ? [list.length + ' decisions here; zoom in to tell them apart'] : [];
		lines.push('Decision ' + d.id + ', vCPU ' + d.idx + ', ' + timeline.offset(d.t, 1e3));
		lines.push('the kernel: ' + pickWords(d.pick, d.source) + (d.outcome ? ' (' + d.outcome + ')' : ''));
		const others = new Map();
		d.picks.forEach((p, i) => {
			if (timeline.policyDiffers(d, i))
				others.set(p.idx, (others.get(p.idx) || []).concat(names[i]));
		});
		for (const [idx, policies] of others)
			lines.push(policies.join(', ') + ': ' + timeline.vcpuName(idx));
		return lines;
	}

	function ipiTip(i) {
		const at = (name, t) => t === null ? name + ' not seen' : name + ' ' + timeline.offset(t, 1e3) +
			(t > i.send ? ' (after ' + timeline.duration(t - i.send) + ')' : '');
		const lines = ['IPI, vector ' + timeline.vector(i.vector) + ' (' + i.how + '): vCPU ' + i.from + ' \u2192 ' +
			       timeline.vcpuName(i.to), 'sent ' + timeline.offset(i.send, 1e3), at('accepted', i.accept),
			       at('injected', i.inject), at('acknowledged', i.ack),
			       'the patches\u2019 tracker ' + (i.tracked ? 'sees it' : 'does not see it')];
		return lines.concat(i.tainted ? ['it touches a gap'] : []);
	}

	function spanTip(span, row, names) {
		const when = timeline.offset(span.t, 1e3) + ' to ' + timeline.offset(span.t + span.len, 1e3);
		if (row.type === 'cpu')
			return [(span.vcpu ? names(span.vcpu.vm) + ' vCPU ' + span.vcpu.idx : 'thread ' + span.comm),
				'on CPU ' + row.of.cpu + ' for ' + timeline.duration(span.len),
				span.comm + ', TID ' + span.tid, when];
		const of = row.type === 'other' ? names(row.of.vm) + ' ' : '';
		const lines = [of + 'vCPU ' + row.of.idx + ': ' + span.what,
			       timeline.duration(span.len) + ', ' + when];
		if (span.episode) {
			const e = span.episode;
			lines.push('wait of ' + timeline.duration(e.len) + ', cause ' + e.cause + (e.awaited === null ? '' :
				', for vCPU ' + e.awaited) + ' (confidence ' + e.confidence + ' of 3)');
		} else if (span.kind !== 'running' && span.cpu !== null) {
			lines.push('on the run queue of CPU ' + span.cpu);
		}
		return lines;
	}

	function nameTip(row, names) {
		return row.type === 'vcpu' || row.type === 'other' ?
			['vCPU ' + row.of.idx + ' of ' + names(row.of.vm)] : [row.label];
	}

	/** Lines about what Picture.hit() found. */
	function tip(hit, data, names, time) {
		if (hit.mark)
			return decisionTip(hit.mark.list, data.policies.map(p => p.name), time);
		if (hit.name)
			return nameTip(hit.name, names);
		if (hit.ipi)
			return ipiTip(hit.ipi);
		if (hit.gap)
			return ['The recording lost ' + (hit.gap.events === null ? 'events' : hit.gap.events + ' events') +
				(hit.gap.cpu === null ? '' : ' of CPU ' + hit.gap.cpu), hit.gap.why,
				timeline.offset(hit.gap.t, 1e3) + ' to ' + timeline.offset(hit.gap.t + hit.gap.len, 1e3)];
		return spanTip(hit.span, hit.row, names);
	}

	const LEGEND = [
		['running', 'running'], ['spinning', 'spinning (PAUSE exits)'], ['preempted', 'preempted, runnable'],
		['preempted-user', 'preempted in user mode'], ['waking', 'waking: waits for a CPU'], ['blocked', 'blocked'],
		['unknown', 'state not known'], ['wait', 'the wait'], ['ipi', 'IPI: sent, pending, acknowledged'],
		['mark', 'decision'], ['yield', 'whom the kernel yielded to'],
		 ['mark-nobody', 'yielded to nobody'], ['mark-unknown', 'to whom is not known'],
		['mark-differs', 'a policy picks another'], ['pick', 'whom other policies pick'],
		['other', 'another thread'], ['gap', 'lost'],
	];

	/** Swatches in list; VMs by their colours. */
	function legend(list, moment, vmName) {
		const vms = new Map([[timeline.vmColour(moment.vm), [vmName(moment.vm)]]]);
		for (const v of moment.others) {
			const colour = timeline.vmColour(v.vm), name = vmName(v.vm);
			vms.set(colour, (vms.get(colour) || []).filter(n => n !== name).concat(name));
		}
		list.replaceChildren();
		const add = (name, text) => {
			const swatch = element('span', 'tl-swatch tl-swatch-' + name);
			swatch.setAttribute('aria-hidden', 'true');
			list.append(element('li', '', swatch, text));
		};
		for (const [colour, names] of [...vms].sort())
			add(colour, names.slice(0, 3).join(', ') +
			    (names.length > 3 ? ' and ' + (names.length - 3) + ' more' : ''));
		for (const [name, text] of LEGEND)
			add(name, text);
	}

	Object.assign(timeline, { element, button, decisionPanel, decisionTable, tip, legend });
})();
