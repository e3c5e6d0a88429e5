// SPDX-License-Identifier: GPL-2.0-or-later
// What goes on between the rows of the timeline's picture: IPIs, decisions and whom they yield to; and what is where.
(function () {
	'use strict';

	const parts = window.counterspin = window.counterspin || {};
	const timeline = parts.timelineParts = parts.timelineParts || {};

	/** The class of the whole picture, given that of its rows. */
	const pictureOf = Rows => class Picture extends Rows {
		ends(i) {
			return { from: this.byIdx.get(i.from), to: i.to === null ? null : this.byIdx.get(i.to) };
		}

		isAwaited(i) {
			return Boolean(this.moment.wait) && this.moment.wait.ipis.includes(i);
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

		/** From the sender when it is sent, then along below the receiver while it is pending, to the acknowledgement. */
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
			const v = this.view;
			const seen = this.moment.decisions.filter(d => d.t >= v.t0 && d.t < v.t1 && d.pick !== null);
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
				return;
			const f = this.geometry(from), t = this.geometry(to), down = to.y > from.y;
			const y0 = down ? f.top + f.h : f.top, y1 = down ? t.top + 2 : t.top + t.h - 2;
			const head = down ? -6 : 6;
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
			const unknown = list.every(d => d.source === 'unknown');
			const nobody = !unknown && list.every(d => d.pick === null);
			const current = list.includes(this.state.current);
			const x = current ? this.x(this.state.current.t) : (mark.x0 + mark.x1) / 2;
			const colour = accent ? c.accent : unknown ? c.blocked : c.text, r = accent ? 5.5 : 4.5;
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

		/** Whom the kernel yielded to at the current decision, and whom policies would: arrows, and boxes with names. */
		placePicks() {
			const d = this.state.current, c = this.colour, targets = new Map();
			if (!d || d.t < this.view.t0 || d.t >= this.view.t1)
				return [];
			const picks = d.pick === null ? [] :
				[{ idx: d.pick, x: this.x(d.t), names: 'the kernel', colour: c.text, dash: [] }];
			d.picks.forEach((p, i) => {
				if (timeline.policyDiffers(d, i) && p.idx !== null)
					targets.set(p.idx, (targets.get(p.idx) || []).concat(this.state.names[i]));
			});
			let shift = 0;
			for (const [idx, names] of targets) {
				shift += 7;
				picks.push({ idx, x: this.x(d.t) + shift, names: names.join(', '), colour: c.accent, dash: [4, 3] });
			}
			return picks.filter(p => this.byIdx.get(p.idx) && p.idx !== d.idx).map(p => this.withBox(p));
		}

		/** A pick and the box of its names, on its target's row. */
		withBox(pick) {
			const left = timeline.GUTTER, right = this.width - timeline.RIGHT;
			const { top, h } = this.geometry(this.byIdx.get(pick.idx));
			this.font(11, '600');
			pick.names = this.clipped(pick.names, Math.max(60, right - left - 40));
			const w = this.g.measureText(pick.names).width + 8, x = pick.x;
			const at = x + 8 + w > right ? Math.max(left, x - 10 - w) : x + 8;
			return Object.assign(pick, { box: { x: at, y: top + h / 2 - 8, w, h: 16 } });
		}

		drawPicks() {
			const g = this.g;
			for (const p of this.picks)
				this.arrow(this.state.current.idx, p.idx, p.x, p.colour, 2, p.dash);
			this.font(11, '600');
			for (const { box, names, colour } of this.picks) {
				g.fillStyle = this.colour.bg;
				g.fillRect(box.x, box.y, box.w, box.h);
				g.strokeStyle = colour;
				g.lineWidth = 1;
				g.strokeRect(box.x, box.y, box.w, box.h);
				this.text(names, box.x + 4, box.y + box.h / 2 + 0.5, colour);
			}
		}

		/** What is at a place: {mark}, {ipi}, {span, row}, {gap}, {name: row}, or null. */
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
			if (x > this.width - timeline.RIGHT)
				return null;
			if (x < timeline.GUTTER)
				return this.hitName(y);
			const ipi = this.hitIpi(x, y);
			if (ipi)
				return { ipi };
			const row = this.rows.find(r => y >= r.y && y < r.y + r.h), t = this.time(x);
			if (!row)
				return null;
			const lost = p => p.cpu === null || (row.type === 'cpu' && p.cpu === row.of.cpu);
			const gap = this.moment.gaps.find(p => lost(p) && x >= this.x(p.t) - 1 &&
				x <= Math.max(this.x(p.t + p.len), this.x(p.t) + 2));
			if (gap)
				return { gap };
			return row.type === 'header' ? null : this.hitSpan(row, t);
		}

		hitName(y) {
			const name = this.rows.find(r => y >= r.y && y < r.y + r.h && r.label);
			return name ? { name } : null;
		}

		hitSpan(row, t) {
			for (const list of [row.of.spins || [], row.of.spans]) {
				const slack = this.time(1) - this.time(0);	// a pixel
				const at = list[timeline.firstAfter(list, t)] || null;
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
				const r = this.geometry(to), f = this.geometry(from);
				const x0 = this.x(i.send), x2 = this.x(i.end);
				const y0 = f.top + f.h / 2, lo = Math.min(y0, r.lane), hi = Math.max(y0, r.lane);
				const upright = Math.abs(x - x0) < 4 && y > lo && y < hi;
				const along = Math.abs(y - r.lane - 1) < 4 && x > x0 - 3 && x < x2 + 4;
				if ((upright || along) && (!found || this.isAwaited(i)))
					found = i;
			}
			return found;
		}
	};

	timeline.pictureOf = pictureOf;
})();
