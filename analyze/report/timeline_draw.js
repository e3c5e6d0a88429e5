// SPDX-License-Identifier: GPL-2.0-or-later
// The timeline's picture: rows on a canvas, and what is where on it. Knows no events and no page.
(function () {
	'use strict';

	const parts = window.counterspin = window.counterspin || {};
	const timeline = parts.timelineParts = parts.timelineParts || {};

	const GUTTER = 104, RIGHT = 14;
	const OVERVIEW = { y: 2, h: 18 };
	const COLOURS = ['bg', 'panel', 'text', 'muted', 'line', 'running', 'spinning', 'preempted', 'waking', 'blocked',
			 'accent', 'ipi', 'wait', 'other', 'vm0', 'vm1', 'vm2', 'vm3', 'gap', 'focus'];

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

	class Picture {
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
				const a = Math.max(x0, this.overviewX(m.wait.t)), b = Math.min(x1, this.overviewX(m.wait.t + m.wait.len));
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
						g.fillRect(this.overviewX(d.t), y + (accent ? h / 2 : 3), 1, accent ? h / 2 - 2 : h / 2 - 3);
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
			draw(this.moment.t0, (t, step) => timeline.seconds(Math.round(this.moment.t0 + t), step), this.bottom + 14, 1);
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
			const whom = wait.awaited === null ? '' : ' for vCPU ' + wait.awaited;
			const cause = wait.vector !== null ? 'IPI, vector ' + wait.vector :
				wait.cause === 'unknown' ? 'why is not known' : wait.cause;
			const text = this.clipped('vCPU ' + wait.idx + ' waits ' + timeline.duration(wait.len) + whom + ' (' + cause + ')',
						  right - GUTTER);
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
			return this.colour['vm' + vm % 4];
		}

		drawRow(row) {
			if (row.type === 'cpu')
				this.drawCpu(row);
			else if (row.type === 'vcpu')
				this.drawVcpu(row);
			else if (row.type === 'other')
				this.drawOther(row);
		}

		label(texts, a, b, y, colour) {
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
			this.visible(row.of.spans, s => this.stateLabel(s, top, h));
		}

		stateLabel(s, top, h) {
			const c = this.colour;
			const a = Math.max(GUTTER, this.x(s.t)), b = Math.min(this.width - RIGHT, this.x(s.t + s.len));
			if (b - a < 40)
				return;
			const time = ' \u00b7 ' + timeline.duration(s.len);
			const word = { running: 'CPU ' + s.cpu, 'preempted-user': 'preempted' }[s.kind] || s.kind;
			const spun = s.kind === 'running' && this.moment.episodes.some(e => e.t < s.t + s.len && e.t + e.len > s.t);
			if (s.kind === 'blocked' || s.kind === 'preempted-user') {
				const text = [word + time, word].find(t => this.g.measureText(t).width + 16 <= b - a);
				if (!text)
					return;
				const w = this.g.measureText(text).width + 8;
				this.g.fillStyle = s.kind === 'blocked' ? c.bg : c.preempted;
				this.g.fillRect((a + b - w) / 2, top + 1, w, h - 2);
				this.text(text, (a + b) / 2, top + h / 2 + 0.5, s.kind === 'blocked' ? c.muted : ink(c.preempted), 'center');
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
					if (row.type === 'cpu' ? gap.cpu === null || gap.cpu === row.of.cpu : gap.cpu === null) {
						const a = this.x(gap.t), b = Math.max(this.x(gap.t + gap.len), a + 2);
						g.fillStyle = this.hatch(this.colour.gap);
						g.fillRect(a, row.y, b - a, row.h);
					}
		}

		ends(i) {
			return { from: this.byIdx.get(i.from), to: i.to === null ? null : this.byIdx.get(i.to) };
		}

		isAwaited(i) {
			return Boolean(this.moment.wait) && this.moment.wait.ipi === i.id;
		}

		drawIpis() {
			const seen = i => i.send < this.view.t1 && i.end >= this.view.t0;
			const strong = i => this.isAwaited(i) || this.state.hover === i;
			for (const i of this.moment.ipis)
				if (this.options.ipis && seen(i) && !strong(i))
					this.drawIpi(i, false);
			for (const i of this.moment.ipis)
				if (seen(i) && strong(i))
					this.drawIpi(i, true);
		}

		/** Down (or up) from the sender when it is sent, along below the receiver while it waits, to the acknowledgement. */
		drawIpi(i, strong) {
			const g = this.g, c = this.colour, { from, to } = this.ends(i);
			if (!from || !to)
				return;
			const f = this.geometry(from), r = this.geometry(to);
			const x0 = this.x(i.send), x1 = this.x(i.accept === null ? i.send : i.accept), x2 = this.x(i.end);
			const y0 = from.y <= to.y ? f.top + f.h : f.top, y1 = r.lane + 1;
			const round = Math.min(6, Math.max(0, x2 - x1));
			g.globalAlpha = strong ? 1 : 0.45;
			g.strokeStyle = g.fillStyle = c.ipi;
			g.lineWidth = strong ? 2.5 : 1.25;
			g.beginPath();
			g.moveTo(x0, y0);
			g.lineTo(x1, y1 + (y0 < y1 ? -round : round));
			g.quadraticCurveTo(x1, y1, x1 + round, y1);
			g.lineTo(x2, y1);
			g.stroke();
			if (strong) {
				g.beginPath();
				g.arc(x0, y0, 3.5, 0, 7);
				g.fill();
			}
			if (i.inject !== null && x2 - x1 > 8)
				g.fillRect(this.x(i.inject) - 1, y1 - 4, 2, 8);
			if (i.ack !== null) {
				const size = strong ? 6 : 4;
				g.beginPath();
				g.moveTo(x2, r.top + r.h - 1);
				g.lineTo(x2 - size * 0.75, r.top + r.h + size);
				g.lineTo(x2 + size * 0.75, r.top + r.h + size);
				g.fill();
			}
			g.globalAlpha = 1;
		}

		/** Where decisions are far enough apart: whom each yielded to. */
		drawYields() {
			const seen = this.moment.decisions.filter(d => d.t >= this.view.t0 && d.t < this.view.t1 && d.pick !== null);
			if (seen.length > 40)
				return;
			const g = this.g;
			g.globalAlpha = 0.55;
			for (const d of seen)
				if (d !== this.state.current)
					this.arrow(d.idx, d.pick, this.x(d.t), this.colour.text, 1, []);
			g.globalAlpha = 1;
		}

		/** From the spinner's row to the target's. */
		arrow(fromIdx, toIdx, x, colour, width, dash) {
			const g = this.g, from = this.byIdx.get(fromIdx), to = this.byIdx.get(toIdx);
			if (!from || !to || from === to)
				return null;
			const f = this.geometry(from), t = this.geometry(to), down = to.y > from.y;
			const y0 = down ? f.top + f.h : f.top, y1 = down ? t.top + 2 : t.top + t.h - 2, head = down ? -6 : 6;
			g.strokeStyle = g.fillStyle = colour;
			g.lineWidth = width;
			g.setLineDash(dash);
			g.beginPath();
			g.moveTo(x, y0);
			g.lineTo(x, y1 + head);
			g.stroke();
			g.setLineDash([]);
			g.beginPath();
			g.moveTo(x, y1);
			g.lineTo(x - 4, y1 + head);
			g.lineTo(x + 4, y1 + head);
			g.fill();
			return t.top + t.h / 2;
		}

		/** Decisions as triangles over the spinner's row; those too close to tell apart share one. */
		drawMarks() {
			for (const row of this.rows) {
				if (row.type !== 'vcpu')
					continue;
				let group = null;
				for (const d of this.moment.decisions) {
					if (d.idx !== row.of.idx || d.t < this.view.t0 || d.t >= this.view.t1)
						continue;
					const x = this.x(d.t);
					if (group && x - group.x0 < 10) {
						group.list.push(d);
						group.x1 = x;
					} else {
						group = { row, x0: x, x1: x, list: [d], y: row.y + 2 };
						this.marks.push(group);
					}
				}
			}
			for (const mark of this.marks)
				this.drawMark(mark);
		}

		drawMark(mark) {
			const g = this.g, c = this.colour, { y, list } = mark;
			const accent = list.some(d => timeline.differs(d, this.state.policies));
			const nobody = list.every(d => d.pick === null);
			const current = list.includes(this.state.current);
			const x = current ? this.x(this.state.current.t) : (mark.x0 + mark.x1) / 2;
			const colour = accent ? c.accent : c.text, r = accent ? 5.5 : 4.5;
			mark.x = x;
			if (list.length > 1) {
				g.fillStyle = colour;
				g.fillRect(Math.min(mark.x0, x - r), y - 1.5, Math.max(mark.x1 - mark.x0, 2 * r), 1.5);
			}
			g.beginPath();
			g.moveTo(x - r, y + 0.5);
			g.lineTo(x + r, y + 0.5);
			g.lineTo(x, y + 9.5);
			g.closePath();
			g.fillStyle = nobody && !accent ? c.bg : colour;
			g.strokeStyle = colour;
			g.lineWidth = 1.25;
			g.lineJoin = 'round';
			g.fill();
			g.stroke();
			if (nobody && accent) {
				g.fillStyle = c.bg;
				g.beginPath();
				g.moveTo(x - 2.6, y + 2.2);
				g.lineTo(x + 2.6, y + 2.2);
				g.lineTo(x, y + 6.4);
				g.fill();
			}
			if (current) {
				g.strokeStyle = c.focus;
				g.lineWidth = 2;
				g.strokeRect(x - 8, y - 2, 16, 14);
			}
		}

		/** The current decision: whom the kernel yielded to, and whom policies would. */
		drawPicks() {
			const d = this.state.current, c = this.colour;
			if (!d || d.t < this.view.t0 || d.t >= this.view.t1)
				return;
			const x = this.x(d.t), row = this.byIdx.get(d.idx), targets = new Map();
			if (!row)
				return;
			if (d.pick !== null)
				this.arrow(d.idx, d.pick, x, c.text, 2, []);
			d.picks.forEach((p, i) => {
				if (timeline.policyDiffers(d, i) && p.idx !== null)
					targets.set(p.idx, (targets.get(p.idx) || []).concat(this.state.names[i]));
			});
			let shift = 0;
			for (const [idx, names] of targets) {
				shift += 7;
				const y = this.arrow(d.idx, idx, x + shift, c.accent, 2, [4, 3]);
				if (y !== null)
					this.note(names.join(', '), x + shift, y, c.accent);
			}
			if (d.pick !== null)
				this.pickNote(d, x, targets.has(d.pick));
		}

		pickNote(d, x) {
			const to = this.byIdx.get(d.pick);
			if (to && to.of.idx !== d.idx) {
				const { top, h } = this.geometry(to);
				this.note('the kernel', x, top + h / 2, this.colour.text);
			}
		}

		note(text, x, y, colour) {
			const g = this.g, right = this.width - RIGHT;
			this.font(11, '600');
			text = this.clipped(text, Math.max(60, right - GUTTER - 40));
			const w = g.measureText(text).width + 8;
			const at = x + 8 + w > right ? Math.max(GUTTER, x - 10 - w) : x + 8;
			g.fillStyle = this.colour.bg;
			g.fillRect(at, y - 8, w, 16);
			g.strokeStyle = colour;
			g.lineWidth = 1;
			g.strokeRect(at, y - 8, w, 16);
			this.text(text, at + 4, y + 0.5, colour);
		}

		drawGutter() {
			const c = this.colour, g = this.g, wait = this.moment.wait;
			for (const row of this.rows) {
				let y = row.y + row.h / 2, note = '';
				if (row.type === 'vcpu') {
					const { top, h } = this.geometry(row);
					y = top + h / 2;
					note = !wait ? '' : row.of.idx === wait.idx ? 'waits' : row.of.idx === wait.awaited ? 'awaited' : '';
					g.fillStyle = c.line;
					g.fillRect(8, row.y + row.h - 0.5, this.width - RIGHT - 8, 0.5);
				} else if (row.type === 'other') {
					y = row.y + row.h - 5;
				}
				this.font(row.type === 'other' ? 11 : 12, row.type === 'header' || note ? '600' : '400');
				this.text(this.clipped(row.label, GUTTER - 16), GUTTER - 8, note ? y - 6 : y,
					  row.type === 'other' ? c.muted : c.text, 'right');
				if (note) {
					this.font(11);
					this.text(note, GUTTER - 8, y + 7, c.muted, 'right');
				}
			}
		}

		/** What is at a place: {mark}, {ipi}, {span, row}, {gap}, or null. */
		hit(x, y) {
			let best = null, distance = 8;
			for (const mark of this.marks) {
				const d = Math.abs(x - mark.x);
				if (y >= mark.y - 4 && y <= mark.y + 13 && d < distance) {
					best = mark;
					distance = d;
				}
			}
			if (best)
				return { mark: best };
			if (x < GUTTER || x > this.width - RIGHT)
				return null;
			const ipi = this.hitIpi(x, y);
			if (ipi)
				return { ipi };
			const row = this.rows.find(r => y >= r.y && y < r.y + r.h), t = this.time(x);
			if (!row)
				return null;
			const gap = this.moment.gaps.find(p => (p.cpu === null || row.type === 'cpu' && p.cpu === row.of.cpu) &&
				x >= this.x(p.t) - 1 && x <= Math.max(this.x(p.t + p.len), this.x(p.t) + 2));
			if (gap)
				return { gap };
			return row.type === 'header' ? null : this.hitSpan(row, t);
		}

		hitSpan(row, t) {
			for (const list of [row.of.spins || [], row.of.spans]) {
				const slack = (this.view.t1 - this.view.t0) / (this.width - GUTTER - RIGHT);
				const at = list[firstAfter(list, t)] || null;
				if (at && at.t <= t + slack)
					return { span: at, row };
			}
			return null;
		}

		hitIpi(x, y) {
			let found = null;
			for (const i of this.moment.ipis) {
				const { from, to } = this.ends(i);
				if (!from || !to || !(this.options.ipis || this.isAwaited(i)))
					continue;
				const r = this.geometry(to), f = this.geometry(from), x0 = this.x(i.send), x2 = this.x(i.end);
				const y0 = f.top + f.h / 2, lo = Math.min(y0, r.lane), hi = Math.max(y0, r.lane);
				const upright = Math.abs(x - x0) < 4 && y > lo && y < hi;
				const along = Math.abs(y - r.lane - 1) < 4 && x > x0 - 3 && x < x2 + 4;
				if ((upright || along) && (!found || this.isAwaited(i)))
					found = i;
			}
			return found;
		}
	}

	Object.assign(timeline, { Picture, GUTTER, RIGHT });
})();
