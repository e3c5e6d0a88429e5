// SPDX-License-Identifier: GPL-2.0-or-later
// The timeline of a report: moments of a recording to choose from, their picture to zoom and pan, and at each
// decision what every policy makes of it. counterspinTimeline(section, data), data as timeline.h describes it.
//
// For tests it returns, and leaves in window.counterspin.timeline: show(place of a moment), view() {t0, t1} in ns from
// the moment's start, zoom(t0, t1), decisions() in view, click(decision). The section's data-moment, data-decision,
// data-t0 and data-t1 say what was drawn.
(function () {
	'use strict';

	const parts = window.counterspin = window.counterspin || {};
	const timeline = parts.timelineParts = parts.timelineParts || {};
	const LEAST_SPAN = 1000;	// ns across the width
	const FEW_OTHERS = 24;		// vCPUs of other VMs that are shown unasked
	const KEYS = 'Keys: + and \u2212 zoom, arrows move, 0 whole moment, ' +
		'n and p next and previous decision, Enter opens it.';

	class Timeline {
		constructor(root, data) {
			this.root = root;
			this.data = data;
			this.moments = new Map();
			this.boxes = {};	// labels of the check boxes
			this.chosen = {};	// those that somebody set
			this.vmName = vm => data.vms[vm] ? data.vms[vm][1] : 'VM';
			root.classList.add('timeline');
			if (!data.moments.length) {
				root.append(timeline.element('p', 'tl-note', 'There are no moments to show: ' +
					'no wait with PAUSE exits was found, or the recording has not been replayed.'));
				return;
			}
			this.build();
			this.show(0);
		}

		build() {
			const { element } = timeline;
			this.list = element('ol', 'tl-moments');
			this.data.moments.forEach((m, i) => {
				const b = timeline.button('', '', 'tl-moment', () => this.show(i));
				b.append(element('strong', '', m.kind), element('span', '', m.what));
				this.list.append(element('li', '', b));
			});
			this.omitted = element('p', 'tl-note');
			this.canvas = element('canvas', 'tl-canvas');
			this.canvas.tabIndex = 0;
			this.canvas.setAttribute('role', 'img');
			this.tip = element('div', 'tl-tip');
			this.tip.hidden = true;
			this.stage = element('div', 'tl-stage', this.canvas, this.tip);
			this.legend = element('ul', 'tl-legend');
			this.legend.setAttribute('aria-label', 'Legend');
			this.said = element('p', 'tl-hidden');
			this.said.setAttribute('aria-live', 'polite');
			this.detail = element('div', 'tl-panel');
			this.detail.setAttribute('role', 'region');
			this.detail.setAttribute('aria-label', 'The decision that was chosen');
			this.table = element('details', 'tl-table', element('summary', '', ''));
			this.table.addEventListener('toggle', () => this.fillTable());
			this.picture = null;
			this.bar = this.controls();
			this.root.append(this.list, this.omitted, this.bar, this.stage, this.legend, this.said,
					 this.detail, this.table);
			const Picture = timeline.pictureOf(timeline.Rows);
			this.picture = new Picture(this.canvas, this.root);
			this.listen();
		}

		controls() {
			const { element, button } = timeline;
			const group = (...items) => element('span', 'tl-group', ...items);
			this.readout = element('output', 'tl-readout');
			this.toWait = button('the wait', 'Zoom to the wait', '', () => this.zoomToWait());
			this.compare = element('select', '');
			this.compare.append(new Option('any policy but none', ''));
			this.data.policies.forEach((p, i) => this.compare.append(new Option(p.name, String(i))));
			this.compare.addEventListener('change', () => this.chooseCompared());
			this.chooseCompared();
			const bar = element('div', 'tl-controls',
				group(button('+', 'Zoom in', 'tl-square', () => this.zoom(0.5)),
				      button('\u2212', 'Zoom out', 'tl-square', () => this.zoom(2)),
				      button('\u2190', 'Earlier', 'tl-square', () => this.pan(-0.25)),
				      button('\u2192', 'Later', 'tl-square', () => this.pan(0.25)),
				      button('whole moment', 'Show the whole moment', '', () => this.reset()), this.toWait),
				group(button('\u2039 decision', 'Previous decision', '', () => this.step(-1, true)),
				      button('decision \u203a', 'Next decision', '', () => this.step(1, true))),
				element('label', '', 'marked: another pick by ', this.compare),
				this.check('ipis', 'IPIs', true), this.check('vms', 'other VMs', true),
				this.check('cpus', 'other CPUs', false),
				element('span', 'tl-hint', 'Ctrl + wheel zooms'), this.readout);
			bar.setAttribute('role', 'group');
			bar.setAttribute('aria-label', 'Timeline');
			return bar;
		}

		check(name, text, on) {
			const box = timeline.element('input');
			box.type = 'checkbox';
			box.checked = on;
			box.addEventListener('change', () => {
				this.picture.options[name] = box.checked;
				this.chosen[name] = true;
				this.layOut();
			});
			const label = timeline.element('label', '', box, ' ' + text);
			this.boxes[name] = label;
			return label;
		}

		chooseCompared() {
			const chosen = this.compare.value;
			const all = this.data.policies.map((p, i) => i);
			this.policies = all.filter(i => chosen === '' ? this.data.policies[i].name !== 'none' : i === Number(chosen));
			this.redraw();
		}

		/** The moment at a place in data.moments, decoded once. */
		show(index) {
			const raw = this.data.moments[index];
			if (!raw)
				return;
			this.index = index;
			[...this.list.children].forEach((item, i) => {
				item.className = i === index ? 'tl-current' : '';
				item.firstChild.setAttribute('aria-current', i === index ? 'true' : 'false');
			});
			this.root.dataset.moment = String(index);
			this.hover = null;
			this.current = null;
			this.tip.hidden = true;
			this.sayOmitted(raw);
			const nothing = raw.omitted.picture;
			for (const e of [this.bar, this.stage, this.table, this.detail, this.legend])
				e.hidden = nothing;
			this.detail.replaceChildren();
			if (nothing)
				return;
			if (!this.moments.has(index))
				this.moments.set(index, timeline.moment(this.data, raw));
			this.moment = this.moments.get(index);
			this.view = { t0: 0, t1: this.moment.len };
			this.toWait.hidden = !this.moment.wait;
			this.boxes.cpus.hidden = this.moment.cpus.every(c => c.own);
			this.boxes.vms.hidden = !this.moment.others.length;
			if (!this.chosen.vms) {
				this.picture.options.vms = this.moment.others.length <= FEW_OTHERS;
				this.boxes.vms.firstChild.checked = this.picture.options.vms;
			}
			timeline.legend(this.legend, this.moment, this.vmName);
			this.table.open = false;
			this.table.replaceChildren(timeline.element('summary', '',
				'Decisions of this moment as a table (' + this.moment.decisions.length + ')'));
			this.layOut();
			const first = this.moment.decisions.find(d => d.id === raw.decision);
			if (first)
				this.open(first);
		}

		sayOmitted(raw) {
			const words = [], more = this.data.omitted.moments;
			const o = raw.omitted;
			if (o.picture)
				words.push('The picture of this moment is not here.');
			if (o.ns)
				words.push('Only ' + timeline.duration(raw.len) + ' of ' + timeline.duration(raw.len + o.ns) +
					   ' are here, around the decision to look at first.');
			if (o.explanations)
				words.push('Of ' + o.explanations + ' decisions only the picks are here.');
			if (o.cpus)
				words.push('CPUs on which this VM did not run (' + o.cpus + ') and waits of other VMs are not here.');
			if (words.length)
				words.push('They were left out to keep the page small.');
			if (more)
				words.push(more + ' more moments are in the database.');
			this.omitted.textContent = words.join(' ');
			this.omitted.hidden = !words.length;
		}

		layOut() {
			if (!this.picture || !this.moment)
				return;
			this.picture.setMoment(this.moment, this.vmName);
			this.resize();
		}

		resize() {
			const width = Math.floor(this.stage.clientWidth);
			if (!this.moment || width < 50)
				return;
			this.picture.resize(width);
			this.drawNow();
		}

		/** At the next frame, once. */
		redraw() {
			if (!this.moment || this.frame || !this.picture.width)
				return;		// or not laid out: the section is hidden
			this.frame = requestAnimationFrame(() => {
				this.frame = 0;
				this.drawNow();
			});
		}

		drawNow() {
			const span = this.view.t1 - this.view.t0;
			this.picture.draw({
				view: this.view, policies: this.policies, current: this.current, hover: this.hover,
				names: this.data.policies.map(p => p.name),
			});
			this.root.dataset.t0 = String(this.view.t0);
			this.root.dataset.t1 = String(this.view.t1);
			this.readout.textContent = timeline.duration(span) + ' of ' + timeline.duration(this.moment.len);
			this.canvas.setAttribute('aria-label', this.describe());
		}

		describe() {
			const m = this.moment, seen = this.decisions().length;
			return m.raw.kind + ': ' + m.raw.what + '. ' + timeline.offset(this.view.t0, 1e3) + ' to ' +
				timeline.offset(this.view.t1, 1e3) + ', ' + m.own.length + ' vCPUs of ' + this.vmName(m.vm) +
				', ' + seen + (seen === 1 ? ' decision. ' : ' decisions. ') + KEYS;
		}

		decisions() {
			return this.moment ? this.moment.decisions.filter(d => this.inView(d)).map(d => d.id) : [];
		}

		/** A span to show: not longer than the moment, not shorter than LEAST_SPAN. */
		possible(span) {
			return Math.min(this.moment.len, Math.max(Math.min(LEAST_SPAN, this.moment.len), span));
		}

		setView(t0, t1) {
			const len = this.moment.len, span = this.possible(t1 - t0);
			const start = Math.min(Math.max(0, t1 - t0 === span ? t0 : (t0 + t1 - span) / 2), len - span);
			this.view = { t0: start, t1: start + span };
			this.redraw();
		}

		/** Around a time, which stays where it is; without one, around the current decision or the middle. */
		zoom(factor, at) {
			const v = this.view, d = this.current;
			if (at === undefined)
				at = d && this.inView(d) ? d.t : (v.t0 + v.t1) / 2;
			const span = this.possible((v.t1 - v.t0) * factor);
			const t0 = at - (at - v.t0) / (v.t1 - v.t0) * span;
			this.setView(t0, t0 + span);
		}

		pan(share) {
			const by = (this.view.t1 - this.view.t0) * share;
			this.setView(this.view.t0 + by, this.view.t1 + by);
		}

		reset() {
			this.setView(0, this.moment.len);
		}

		zoomToWait() {
			const w = this.moment.wait;
			if (w)
				this.setView(w.t - w.len * 0.05, w.t + w.len * 1.05);
		}

		inView(d) {
			return d.t >= this.view.t0 && d.t < this.view.t1;
		}

		/** Go to the next decision (1) or the one before (-1); to one in view if the current one is not. */
		step(by, open) {
			const list = this.moment.decisions, seen = list.filter(d => this.inView(d));
			if (!list.length)
				return;
			const at = (this.current ? this.current.index : -1) + by;
			if (seen.length && !(this.current && this.inView(this.current)))
				this.current = by > 0 ? seen[0] : seen[seen.length - 1];
			else
				this.current = list[Math.min(Math.max(at, 0), list.length - 1)];
			this.seeCurrent();
			if (open || this.detail.firstChild)
				this.open(this.current);
			else
				this.say();
		}

		seeCurrent() {
			const d = this.current, span = this.view.t1 - this.view.t0;
			if (!this.inView(d))
				this.setView(d.t - span / 2, d.t + span / 2);
			else
				this.redraw();
		}

		say() {
			const d = this.current;
			this.said.textContent = 'Decision ' + d.id + ', vCPU ' + d.idx + ', the kernel: ' +
				(d.source === 'unknown' ? 'not known' : timeline.vcpuName(d.pick)) +
				(timeline.differs(d, this.policies) ? '; a policy picks another' : '');
		}

		open(d) {
			this.current = d;
			this.root.dataset.decision = String(d.id);
			const name = this.vmName(this.moment.vm);
			this.detail.replaceChildren(timeline.decisionPanel(this.data, this.moment, d, name));
			this.say();
			this.redraw();
		}

		/** As if the decision's mark were clicked, wherever it is. */
		click(id) {
			const d = this.moment && this.moment.decisions.find(e => e.id === id);
			if (!d)
				return false;
			this.open(d);
			this.seeCurrent();
			return true;
		}

		fillTable() {
			if (!this.table.open || this.table.children.length > 1)
				return;
			this.table.append(timeline.decisionTable(this.data, this.moment, id => {
				this.click(id);
				this.canvas.focus({ preventScroll: true });
				this.stage.scrollIntoView({ block: 'nearest' });
			}));
		}

		listen() {
			const c = this.canvas;
			c.addEventListener('wheel', e => this.wheel(e), { passive: false });
			c.addEventListener('pointerdown', e => this.grab(e));
			c.addEventListener('pointermove', e => this.move(e));
			c.addEventListener('pointerup', e => this.release(e));
			c.addEventListener('pointercancel', () => { this.held = null; });
			c.addEventListener('pointerleave', () => this.leave());
			c.addEventListener('dblclick', () => this.reset());
			c.addEventListener('keydown', e => this.key(e));
			if (window.ResizeObserver)
				new ResizeObserver(() => this.resize()).observe(this.stage);
			else
				window.addEventListener('resize', () => this.resize());
			const restyle = () => {
				this.picture.readColours();
				if (this.moment)
					this.drawNow();		// paper waits for no frame
			};
			for (const query of ['(prefers-color-scheme: dark)', '(forced-colors: active)', 'print'])
				window.matchMedia(query).addEventListener('change', restyle);
		}

		wheel(e) {
			const whole = this.view.t1 - this.view.t0 >= this.moment.len;
			const scale = e.deltaMode === 1 ? 30 : e.deltaMode === 2 ? 300 : 1;
			const sideways = Math.abs(e.deltaX) > Math.abs(e.deltaY) ? e.deltaX : e.shiftKey ? e.deltaY : 0;
			if (sideways ? whole : !(e.ctrlKey || e.metaKey))
				return;		// the page scrolls
			e.preventDefault();
			const by = Math.max(-300, Math.min(300, e.deltaY * scale));
			if (sideways)
				this.pan(sideways * scale / this.canvas.clientWidth);
			else
				this.zoom(Math.pow(1.0025, by), this.picture.time(e.offsetX));
			this.tip.hidden = true;
		}

		grab(e) {
			if (e.button !== 0)
				return;
			this.held = { x: e.offsetX, y: e.offsetY, view: this.view, moved: false,
				      overview: this.picture.inOverview(e.offsetX, e.offsetY) };
			try {
				this.canvas.setPointerCapture(e.pointerId);
			} catch (error) {
				// the pointer has gone already: dragging ends at the edge
			}
			if (this.held.overview)
				this.centre(e.offsetX);
		}

		centre(x) {
			const span = this.view.t1 - this.view.t0, t = this.picture.overviewTime(x);
			this.setView(t - span / 2, t + span / 2);
		}

		move(e) {
			const held = this.held;
			if (!held) {
				this.pointAt(e);
				return;
			}
			if (held.overview) {
				this.centre(e.offsetX);
				return;
			}
			held.moved = held.moved || Math.abs(e.offsetX - held.x) > 3;
			if (!held.moved)
				return;
			this.tip.hidden = true;
			const by = (held.x - e.offsetX) / (this.canvas.clientWidth - timeline.GUTTER - timeline.RIGHT) *
				(held.view.t1 - held.view.t0);
			this.setView(held.view.t0 + by, held.view.t1 + by);
		}

		release(e) {
			const held = this.held;
			this.held = null;
			if (!held || held.moved || held.overview)
				return;
			const hit = this.picture.hit(e.offsetX, e.offsetY);
			if (hit && hit.mark)
				this.open(timeline.nearest(hit.mark.list, this.picture.time(e.offsetX)));
		}

		leave() {
			this.tip.hidden = true;
			if (this.hover) {
				this.hover = null;
				this.redraw();
			}
		}

		pointAt(e) {
			const x = e.offsetX, y = e.offsetY, hit = this.picture.hit(x, y);
			const hover = hit && hit.ipi ? hit.ipi : null;
			this.canvas.style.cursor = hit && hit.mark ? 'pointer' : 'grab';
			if (hover !== this.hover) {
				this.hover = hover;
				this.redraw();
			}
			this.tip.hidden = !hit;
			if (!hit)
				return;
			const lines = timeline.tip(hit, this.data, this.vmName, this.picture.time(x));
			this.tip.replaceChildren();
			lines.forEach((line, i) => this.tip.append(timeline.element(i ? 'div' : 'strong', '', line)));
			const w = this.tip.offsetWidth, h = this.tip.offsetHeight, room = this.canvas.clientWidth;
			this.tip.style.left = Math.max(0, x + 14 + w > room ? x - 14 - w : x + 14) + 'px';
			this.tip.style.top = (y + 18 + h > this.canvas.clientHeight + 60 ? y - 12 - h : y + 18) + 'px';
		}

		key(e) {
			const actions = {
				'+': () => this.zoom(0.5), '=': () => this.zoom(0.5),
				'-': () => this.zoom(2), '\u2212': () => this.zoom(2),
				ArrowLeft: () => this.pan(-0.1), ArrowRight: () => this.pan(0.1), 0: () => this.reset(),
				n: () => this.step(1, false), p: () => this.step(-1, false),
				Enter: () => this.current && this.open(this.current),
			};
			if (e.ctrlKey || e.metaKey || e.altKey || !Object.prototype.hasOwnProperty.call(actions, e.key))
				return;
			e.preventDefault();
			actions[e.key]();
		}
	}

	window.counterspinTimeline = function (container, data) {
		const t = new Timeline(container, data);
		parts.timeline = {
			show: index => t.show(index),
			view: () => t.view ? { t0: t.view.t0, t1: t.view.t1 } : null,
			zoom: (t0, t1) => t.moment && t.setView(t0, t1),
			decisions: () => t.decisions(),
			click: id => t.click(id),
		};
		return parts.timeline;
	};
})();
