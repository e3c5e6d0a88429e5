// SPDX-License-Identifier: GPL-2.0-or-later
// The timeline's picture: axes, and rows of CPUs and vCPUs on a canvas. timeline_marks.js draws what goes on between
// them. Knows no events and no page.
(function () {
	'use strict';

	const parts = window.counterspin = window.counterspin || {};
	const timeline = parts.timelineParts = parts.timelineParts || {};

	const GUTTER = 104, RIGHT = 14;
	const OVERVIEW = { y: 2, h: 18 };
	const COLOURS = ['bg', 'panel', 'text', 'muted', 'line', 'running', 'spinning', 'preempted', 'waking', 'blocked',
			 'accent', 'ipi', 'wait', 'other', 'gap', 'focus'];
	const VM_COLOURS = 8;		// --c0... of the page

	function luminance(hex) {
		const channel = i => {
			const c = parseInt(hex.slice(i, i + 2), 16) / 255;
			return c <= 0.03928 ? c / 12.92 : Math.pow((c + 0.055) / 1.055, 2.4);
		};
		return 0.2126 * channel(1) + 0.7152 * channel(3) + 0.0722 * channel(5);
	}

	/** Black or white, whichever can be read on it. */
	function ink(hex) {
		return luminance(hex) > 0.179 ? '#000000' : '#ffffff';
	}

	/** A step of 1, 2 or 5 times a power of ten, at least so long. */
	function niceStep(least) {
		const power = Math.pow(10, Math.floor(Math.log10(least)));
		return [1, 2, 5, 10].map(f => f * power).find(s => s >= least * 0.999);
	}

	/** As everywhere on the page: by the VM's place among all of them. */
	function vmColour(vm) {
		return 'c' + vm % VM_COLOURS;
	}

	/** First place in list, sorted by t and without overlap, whose span ends after t. */
	function firstAfter(list, t) {
		let lo = 0, hi = list.length;
		while (lo < hi) {
			const mid = (lo + hi) >> 1;
			if (list[mid].t + list[mid].len > t)
				hi = mid;
			else
				lo = mid + 1;
		}
		return lo;
	}

	class Rows {
		constructor(canvas, root) {
			this.canvas = canvas;
			this.root = root;
			this.g = canvas.getContext('2d');
			this.rows = [];
			this.marks = [];
			this.options = { cpus: false, vms: true, ipis: true };
			this.readColours();
		}

		readColours() {
			const style = getComputedStyle(this.root);
			this.colour = {};
			for (const name of COLOURS)
				this.colour[name] = style.getPropertyValue('--tl-' + name).trim();
			for (let i = 0; i < VM_COLOURS; i++)
				this.colour['c' + i] = style.getPropertyValue('--c' + i).trim();
			this.family = style.fontFamily || 'sans-serif';
			this.hatches = {};
		}

		/** Diagonal lines of a colour. */
		hatch(colour) {
			if (!this.hatches[colour]) {
				const tile = document.createElement('canvas');
				tile.width = tile.height = 6;
				const g = tile.getContext('2d');
				g.strokeStyle = colour;
				g.lineWidth = 1.4;
				g.beginPath();
				for (let i = -6; i <= 6; i += 6) {
					g.moveTo(i - 1, 7);
					g.lineTo(i + 7, -1);
				}
				g.stroke();
				this.hatches[colour] = this.g.createPattern(tile, 'repeat');
			}
			return this.hatches[colour];
		}

		/** Put the rows of a moment below one another; their number decides how tall the canvas is. */
		setMoment(moment, recordVm) {
			const n = moment.own.length;
			const tall = n > 24 ? 24 : n > 10 ? 30 : 38;
			let y = OVERVIEW.y + OVERVIEW.h + 24;
			const add = (row, h) => {
				this.rows.push(Object.assign(row, { y, h }));
				y += h;
			};
			this.moment = moment;
			this.vmName = recordVm;
			this.rows = [];
			this.top = y;
			for (const cpu of moment.cpus)
				if (cpu.own || this.options.cpus)
					add({ type: 'cpu', of: cpu, label: 'CPU ' + cpu.cpu }, 23);
			add({ type: 'header', label: recordVm(moment.vm) }, 26);
			for (const vcpu of moment.own)
				add({ type: 'vcpu', of: vcpu, label: 'vCPU ' + vcpu.idx }, tall);
			if (this.options.vms && moment.others.length) {
				let vm = -1;
				for (const vcpu of moment.others) {
					add({ type: 'other', of: vcpu, label: vcpu.vm === vm ? '' : recordVm(vcpu.vm) },
					    vcpu.vm === vm ? 9 : 19);
					vm = vcpu.vm;
				}
				y += 6;
			}
			this.bottom = y;
			this.height = y + 24;
			this.byIdx = new Map(this.rows.filter(r => r.type === 'vcpu').map(r => [r.of.idx, r]));
		}

		resize(width) {
			const ratio = window.devicePixelRatio || 1;
			this.width = width;
			this.ratio = ratio;
			this.canvas.width = Math.round(width * ratio);
			this.canvas.height = Math.round(this.height * ratio);
			this.canvas.style.height = this.height + 'px';
		}

		x(t) {
			const v = this.view;
			return GUTTER + (t - v.t0) / (v.t1 - v.t0) * (this.width - GUTTER - RIGHT);
		}

		time(x) {
			const v = this.view;
			return v.t0 + (x - GUTTER) / (this.width - GUTTER - RIGHT) * (v.t1 - v.t0);
		}

		overviewX(t) {
			return GUTTER + t / this.moment.len * (this.width - GUTTER - RIGHT);
		}

		overviewTime(x) {
			return (x - GUTTER) / (this.width - GUTTER - RIGHT) * this.moment.len;
		}

		inOverview(x, y) {
			return y < OVERVIEW.y + OVERVIEW.h + 3 && x >= GUTTER - 4;
		}

		font(size, weight) {
			this.g.font = (weight || '400') + ' ' + size + 'px ' + this.family;
		}

		text(text, x, y, colour, align) {
			this.g.fillStyle = colour;
			this.g.textAlign = align || 'left';
			this.g.textBaseline = 'middle';
			this.g.fillText(text, x, y);
		}

		/** As much of text as fits. */
		clipped(text, width) {
			if (this.g.measureText(text).width <= width)
				return text;
			let n = text.length;
			while (n > 0 && this.g.measureText(text.slice(0, n) + '\u2026').width > width)
				n--;
			return n ? text.slice(0, n) + '\u2026' : '';
		}

		/** Both ends of text, as much as fits: names of VMs differ at the end, too. */
		clippedInside(text, width) {
			const whole = Array.from(text);
			let n = whole.length, shown = text;
			while (n > 2 && this.g.measureText(shown).width > width) {
				n--;
				const head = Math.max(1, Math.floor(n * 0.4));
				shown = whole.slice(0, head).join('') + '\u2026' + whole.slice(head - n).join('');
			}
			return shown;
		}

		/** state: {view, policies: places of those compared, current, hover}. */
		draw(state) {
			const g = this.g, c = this.colour;
			this.state = state;
			this.view = state.view;
			this.marks = [];
			g.setTransform(this.ratio, 0, 0, this.ratio, 0, 0);
			g.fillStyle = c.bg;
			g.fillRect(0, 0, this.width, this.height);
			this.drawOverview();
			this.drawAxes();
			this.picks = this.placePicks();
			g.save();
			g.beginPath();
			g.rect(GUTTER, this.top - 2, this.width - GUTTER - RIGHT, this.bottom - this.top + 4);
			g.clip();
			this.drawWait();
			for (const row of this.rows)
				this.drawRow(row);
			this.drawGaps();
			this.drawIpis();
			this.drawYields();
			g.restore();
			this.drawHeader();
			this.drawMarks();
			this.drawPicks();
			this.drawGutter();
		}

		drawOverview() {
			const g = this.g, c = this.colour, m = this.moment, v = this.view;
			const x0 = GUTTER, x1 = this.width - RIGHT, { y, h } = OVERVIEW;
			g.fillStyle = c.panel;
			g.fillRect(x0, y, x1 - x0, h);
			if (m.wait) {
				const a = Math.max(x0, this.overviewX(m.wait.t));
				const b = Math.min(x1, this.overviewX(m.wait.t + m.wait.len));
				g.globalAlpha = 0.35;
				g.fillStyle = c.wait;
				g.fillRect(a, y, Math.max(1, b - a), h);
				g.globalAlpha = 1;
			}
			for (const accent of [false, true])
				for (const d of m.decisions)
					if (timeline.differs(d, this.state.policies) === accent) {
						g.fillStyle = accent ? c.accent : c.muted;
						g.globalAlpha = accent ? 0.9 : 0.5;
						g.fillRect(this.overviewX(d.t), accent ? y + h / 2 : y + 3, 1, h / 2 - 3);
					}
			g.globalAlpha = 1;
			const a = this.overviewX(v.t0), b = Math.max(this.overviewX(v.t1), a + 3);
			if (v.t1 - v.t0 < m.len * 0.999) {
				g.globalAlpha = 0.5;
				g.fillStyle = c.bg;
				g.fillRect(x0, y, a - x0, h);
				g.fillRect(b, y, x1 - b, h);
				g.globalAlpha = 1;
			}
			g.strokeStyle = c.text;
			g.lineWidth = 1.5;
			g.strokeRect(a, y + 0.75, b - a, h - 1.5);
			this.font(11);
			this.text('whole moment', GUTTER - 8, y + h / 2, c.muted, 'right');
		}

		drawAxes() {
			const g = this.g, c = this.colour, v = this.view, right = this.width - RIGHT;
			const scale = (v.t1 - v.t0) / (right - GUTTER);
			this.font(11);
			const draw = (zero, format, y, tick) => {
				let step = niceStep(scale * 70), widest;
				do {
					widest = this.g.measureText(format(v.t1, step)).width + 18;
					if (step / scale >= widest)
						break;
					step = niceStep(step * 1.5);
				} while (step < v.t1 - v.t0);
				let end = GUTTER - 20;
				const first = Math.ceil((v.t0 + zero) / step) * step - zero;
				for (let i = 0, t = first; t <= v.t1 && i < 100; i++, t = first + i * step) {
					const x = this.x(t), label = format(t, step), w = g.measureText(label).width / 2;
					const at = Math.min(Math.max(x, GUTTER + w), right - w);
					g.fillStyle = c.line;
					if (tick < 0)
						g.fillRect(Math.round(x), this.top - 5, 1, this.bottom - this.top + 5);
					else
						g.fillRect(Math.round(x), this.bottom, 1, 5);
					if (at - w < end + 8)
						continue;
					this.text(label, at, y, c.text, 'center');
					end = at + w;
				}
			};
			draw(0, (t, step) => timeline.offset(Math.abs(t) < step / 1e3 ? 0 : t, step), this.top - 13, -1);
			const t0 = this.moment.t0;
			draw(t0, (t, step) => timeline.seconds(Math.round(t0 + t), step), this.bottom + 14, 1);
			this.text('in the moment', GUTTER - 8, this.top - 13, c.muted, 'right');
			this.text('recording', GUTTER - 8, this.bottom + 14, c.muted, 'right');
		}

		drawWait() {
			const g = this.g, wait = this.moment.wait;
			if (!wait)
				return;
			const a = this.x(wait.t), b = this.x(wait.t + wait.len);
			const header = this.rows.find(r => r.type === 'header');
			const last = this.rows.filter(r => r.type === 'vcpu').pop() || header;
			g.globalAlpha = 0.16;
			g.fillStyle = this.colour.wait;
			g.fillRect(a, header.y + 4, Math.max(1, b - a), last.y + last.h - header.y);
			g.globalAlpha = 1;
		}

		/** The sentence over the wait, between CPUs and vCPUs. */
		drawHeader() {
			const g = this.g, c = this.colour, wait = this.moment.wait;
			const row = this.rows.find(r => r.type === 'header');
			if (!wait)
				return;
			const right = this.width - RIGHT;
			const a = Math.max(GUTTER, this.x(wait.t)), b = Math.min(right, this.x(wait.t + wait.len));
			if (b < GUTTER || a > right)
				return;
			const y = row.y + 20;
			g.strokeStyle = c.text;
			g.lineWidth = 1;
			g.beginPath();
			if (this.x(wait.t) >= GUTTER)
				g.moveTo(a, y + 4), g.lineTo(a, y);
			else
				g.moveTo(a, y);
			g.lineTo(b, y);
			if (this.x(wait.t + wait.len) <= right)
				g.lineTo(b, y + 4);
			g.stroke();
			this.font(12, '600');
			const many = wait.whom.length > 1, last = many ? ', vCPU ' + wait.awaited + ' last' : '';
			const whom = wait.whom.length ? ' for vCPU' + (many ? 's ' : ' ') + wait.whom.join(', ') : '';
			const cause = wait.vector !== null ? 'IPI, vector ' + timeline.vector(wait.vector) :
				wait.cause === 'unknown' ? 'why is not known' : wait.cause;
			const text = this.clipped('vCPU ' + wait.idx + ' waits ' + timeline.duration(wait.len) + whom +
						  ' (' + cause + ')' + last, right - GUTTER);
			const w = g.measureText(text).width;
			const x = Math.min(Math.max((a + b) / 2 - w / 2, GUTTER), right - w);
			g.fillStyle = c.bg;
			g.globalAlpha = 0.85;
			g.fillRect(x - 3, y - 15, w + 6, 13);
			g.globalAlpha = 1;
			this.text(text, x, y - 8, c.text);
		}

		/** From x to x of a bar, on whole pixels where it is wide enough. */
		bar(span, row, top, height, colour) {
			const g = this.g, left = GUTTER - 2, right = this.width - RIGHT + 2;
			let a = Math.max(left, this.x(span.t)), b = Math.min(right, this.x(span.t + span.len));
			if (b - a >= 1) {
				a = Math.round(a * this.ratio) / this.ratio;
				b = Math.round(b * this.ratio) / this.ratio;
			} else {
				b = Math.max(b, a + 0.3);
			}
			g.fillStyle = colour;
			g.fillRect(a, top, b - a, height);
			return [a, b];
		}

		visible(list, use) {
			for (let i = firstAfter(list, this.view.t0); i < list.length && list[i].t < this.view.t1; i++)
				use(list[i]);
		}

		vmColour(vm) {
			return this.colour[timeline.vmColour(vm)];
		}

		drawRow(row) {
			if (row.type === 'cpu')
				this.drawCpu(row);
			else if (row.type === 'vcpu')
				this.drawVcpu(row);
			else if (row.type === 'other')
				this.drawOther(row);
		}

		/** Of a bar from a to b, the larger part that no pick's name is on. */
		uncovered(a, b, y) {
			for (const { box } of this.picks)
				if (y > box.y - 5 && y < box.y + box.h + 5 && box.x < b && box.x + box.w > a)
					return box.x - a > b - box.x - box.w ? [a, box.x] : [box.x + box.w, b];
			return [a, b];
		}

		label(texts, from, to, y, colour) {
			const [a, b] = this.uncovered(from, to, y);
			for (const text of texts)
				if (this.g.measureText(text).width + 8 <= b - a) {
					this.text(text, (a + b) / 2, y, ink(colour), 'center');
					return;
				}
		}

		drawCpu(row) {
			const g = this.g, c = this.colour, top = row.y + 2, h = row.h - 5;
			g.fillStyle = c.panel;
			g.fillRect(GUTTER, top, this.width - GUTTER - RIGHT, h);
			this.font(11);
			this.visible(row.of.spans, s => {
				const colour = s.vcpu ? this.vmColour(s.vcpu.vm) : c.other;
				const [a, b] = this.bar(s, row, top, h, colour);
				if (b - a > 3) {
					g.fillStyle = c.bg;
					g.fillRect(b - 0.5, top, 0.5, h);
				}
				if (b - a < 12)
					return;
				const vm = s.vcpu && this.vmName(s.vcpu.vm);
				this.label(s.vcpu ? [vm + ' vCPU ' + s.vcpu.idx, 'vCPU ' + s.vcpu.idx, String(s.vcpu.idx)] :
					   [s.comm + ' ' + s.tid, s.comm], a, b, top + h / 2 + 0.5, colour);
			});
		}

		geometry(row) {
			const bar = Math.min(18, row.h - 18);
			return { top: row.y + 12, h: bar, lane: row.y + 12 + bar + 3 };
		}

		drawVcpu(row) {
			const g = this.g, c = this.colour, { top, h } = this.geometry(row);
			this.visible(row.of.spans, s => {
				if (s.kind === 'blocked') {
					this.bar(s, row, top + h / 2 - 1, 2, c.blocked);
					return;
				}
				const colour = s.kind === 'preempted-user' ? c.preempted : c[s.kind];
				const [a, b] = this.bar(s, row, top, h, colour);
				if (s.kind === 'preempted-user') {
					g.fillStyle = this.hatch(c.bg);
					g.fillRect(a, top, b - a, h);
				}
			});
			this.visible(row.of.spins, s => this.bar(s, row, top, h, c.spinning));
			this.font(11);
			const spun = new Set(row.of.spins.map(s => s.of));
			this.visible(row.of.spans, s => this.stateLabel(s, spun.has(s), top, h));
		}

		stateLabel(s, spun, top, h) {
			const c = this.colour;
			const [a, b] = this.uncovered(Math.max(GUTTER, this.x(s.t)),
						      Math.min(this.width - RIGHT, this.x(s.t + s.len)), top + h / 2);
			if (b - a < 40)
				return;
			const time = ' \u00b7 ' + timeline.duration(s.len);
			const word = { running: 'CPU ' + s.cpu, 'preempted-user': 'preempted' }[s.kind] || s.kind;
			if (s.kind === 'blocked' || s.kind === 'preempted-user') {
				const text = [word + time, word].find(t => this.g.measureText(t).width + 16 <= b - a);
				if (!text)
					return;
				const w = this.g.measureText(text).width + 8, blocked = s.kind === 'blocked';
				this.g.fillStyle = blocked ? c.bg : c.preempted;
				this.g.fillRect((a + b - w) / 2, top + 1, w, h - 2);
				this.text(text, (a + b) / 2, top + h / 2 + 0.5, blocked ? c.muted : ink(c.preempted), 'center');
				return;
			}
			this.label([word + time, word], a, b, top + h / 2 + 0.5, spun ? c.spinning : c[s.kind]);
		}

		drawOther(row) {
			const c = this.colour, top = row.y + row.h - 8;
			this.visible(row.of.spans, s => {
				if (s.kind === 'blocked')
					this.bar(s, row, top + 2.5, 1, c.blocked);
				else
					this.bar(s, row, top, 6, s.kind === 'running' ? this.vmColour(row.of.vm) :
						 s.kind === 'waking' ? c.waking : c.preempted);
			});
		}

		drawGaps() {
			const g = this.g;
			for (const gap of this.moment.gaps)
				for (const row of this.rows)
					if (gap.cpu === null || (row.type === 'cpu' && gap.cpu === row.of.cpu)) {
						const a = this.x(gap.t), b = Math.max(this.x(gap.t + gap.len), a + 2);
						g.fillStyle = this.hatch(this.colour.gap);
						g.fillRect(a, row.y, b - a, row.h);
					}
		}

		drawGutter() {
			const c = this.colour, g = this.g, wait = this.moment.wait;
			for (const row of this.rows) {
				let y = row.y + row.h / 2, note = '';
				if (row.type === 'vcpu') {
					const { top, h } = this.geometry(row);
					y = top + h / 2;
					if (wait)
						note = row.of.idx === wait.idx ? 'waits' : !wait.whom.includes(row.of.idx) ? '' :
							wait.whom.length > 1 && row.of.idx === wait.awaited ? 'awaited, last' : 'awaited';
					g.fillStyle = c.line;
					g.fillRect(8, row.y + row.h - 0.5, this.width - RIGHT - 8, 0.5);
				} else if (row.type === 'other') {
					y = row.y + row.h - 5;
				}
				this.font(row.type === 'other' ? 11 : 12, row.type === 'header' || note ? '600' : '400');
				this.text(this.clippedInside(row.label, GUTTER - 16), GUTTER - 8, note ? y - 6 : y,
					  row.type === 'other' ? c.muted : c.text, 'right');
				if (note) {
					this.font(11);
					this.text(note, GUTTER - 8, y + 7, c.muted, 'right');
				}
			}
		}

	}

	Object.assign(timeline, { Rows, vmColour, firstAfter, GUTTER, RIGHT });
})();
