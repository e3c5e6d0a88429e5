// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Figures of categories, as SVG in the page: they need no script, and print.
 * What is drawn over time or along an axis is dygraphs' (page.js).
 */
#include <math.h>
#include <string.h>

#include "analyze/report/format.h"
#include "analyze/report/html_int.h"

/* Geometry, in units of which the page shows about as many as it has pixels. */
enum { WIDTH = 900, LABEL = 190, ROW = 22, BAR = 14, AXIS = 26 };

static const char *text_of(const struct cell *cell)
{
	return cell->text ? cell->text : "-";
}

static void begin(GString *page, const struct table *t, double height, const char *what)
{
	g_string_append_printf(page, "<figure id=\"f-%s\"><svg role=img viewBox=\"0 0 %d %.0f\" aria-label=\"", t->spec->id,
			       WIDTH, height);
	html_text(page, what);
	g_string_append(page, "\">\n");
}

static void end(GString *page, const char *caption)
{
	g_string_append(page, "</svg><figcaption>");
	html_text(page, caption);
	g_string_append(page, "</figcaption></figure>\n");
}

static void text_at(GString *page, double x, double y, const char *class, const char *text)
{
	g_string_append_printf(page, "<text x=\"%.1f\" y=\"%.1f\" class=\"%s\">", x, y, class);
	html_text(page, text);
	g_string_append(page, "</text>");
}

/* Text cut to the room of a row's label. */
static char *cut(const char *text)
{
	enum { ROOM = 25 };
	g_autofree char *first = g_utf8_strlen(text, -1) > ROOM ? g_utf8_substring(text, 0, ROOM - 1) : NULL;

	return first ? g_strconcat(first, "…", NULL) : g_strdup(text);
}

/* A row's label; all of it in the title. */
static void label_at(GString *page, double y, const char *text)
{
	g_autofree char *shown = cut(text);

	g_string_append(page, "<g><title>");
	html_text(page, text);
	g_string_append(page, "</title>");
	text_at(page, LABEL - 8, y, "label", shown);
	g_string_append(page, "</g>");
}

static void bar(GString *page, double x, double y, double width, const char *class, const char *title)
{
	if (width < 0.25)
		return;
	g_string_append_printf(page, "<rect x=\"%.1f\" y=\"%.1f\" width=\"%.1f\" height=\"%d\" class=\"%s\"><title>", x, y,
			       width, BAR, class);
	html_text(page, title);
	g_string_append(page, "</title></rect>");
}

/* A distance of 1, 2 or 5 times a power of ten, at most n of them to span. */
static double tick_of(double span, unsigned int n)
{
	double unit = pow(10, floor(log10(span / n)));

	return unit * (span / n <= unit ? 1 : span / n <= 2 * unit ? 2 : span / n <= 5 * unit ? 5 : 10);
}

struct axis {
	double lo, hi;
};

static double x_of(const struct axis *a, double value)
{
	return LABEL + (value - a->lo) / (a->hi - a->lo) * (WIDTH - LABEL - 20);
}

static void draw_axis(GString *page, const struct axis *a, double height, const char *unit)
{
	double tick = tick_of(a->hi - a->lo, 8);

	for (double v = ceil(a->lo / tick) * tick; v <= a->hi + tick * 1e-6; v += tick) {
		double shown = fabs(v) < tick / 2 ? 0 : v;
		g_autofree char *text = g_strdup_printf("%g%s", shown, unit);

		g_string_append_printf(page, "<line x1=\"%.1f\" x2=\"%.1f\" y1=\"0\" y2=\"%.0f\" class=\"%s\"/>", x_of(a, v),
				       x_of(a, v), height, shown ? "grid" : "zero");
		text_at(page, x_of(a, v), height + 16, "tick", text);
	}
}

static void include(struct axis *a, double value)
{
	if (isnan(value))
		return;
	a->lo = MIN(a->lo, value);
	a->hi = MAX(a->hi, value);
}

static void whisker(GString *page, const struct axis *a, const double *interval, double y, const char *class)
{
	if (!isnan(interval[0]) && !isnan(interval[1]))
		g_string_append_printf(page, "<line x1=\"%.1f\" x2=\"%.1f\" y1=\"%.1f\" y2=\"%.1f\" class=\"%s\"/>",
				       x_of(a, interval[0]), x_of(a, interval[1]), y, y, class);
}

/* The axis of all estimates in these columns, and a little more. */
static struct axis axis_of(const struct table *t, const char *const *columns, unsigned int n)
{
	struct axis a = { -1, 1 };
	double margin;

	for (guint i = 0; i < t->rows->len * n; i++) {
		const struct cell *c = table_cell(t, i / n, columns[i % n]);

		for (unsigned int k = 0; k < 2; k++) {
			include(&a, c->statistical[k]);
			include(&a, c->total[k]);
		}
		include(&a, c->value);
	}
	margin = 0.05 * (a.hi - a.lo);
	return (struct axis){ a.lo - margin, a.hi + margin };
}

/* A dot, or a square, thick its statistical and thin its total interval. */
static void draw_estimate(GString *page, const struct axis *a, const struct cell *c, double y, bool square, const char *title)
{
	g_string_append(page, "<g><title>");
	html_text(page, title);
	g_string_append(page, "</title>");
	whisker(page, a, c->total, y, square ? "total other" : "total");
	whisker(page, a, c->statistical, y, square ? "statistical other" : "statistical");
	if (square)
		g_string_append_printf(page, "<rect x=\"%.1f\" y=\"%.1f\" width=\"8\" height=\"8\" class=\"square\"/></g>\n",
				       x_of(a, c->value) - 4, y - 4);
	else
		g_string_append_printf(page, "<circle cx=\"%.1f\" cy=\"%.1f\" r=\"4.5\" class=\"dot\"/></g>\n",
				       x_of(a, c->value), y);
}

static void draw_gains(GString *page, const struct table *t, const GPtrArray *vms)
{
	const char *const columns[] = { "throughput_gain" };
	unsigned int column = table_column(t, columns[0]);
	struct axis a = axis_of(t, columns, G_N_ELEMENTS(columns));
	double height = ROW * t->rows->len + 6;

	(void)vms;
	begin(page, t, height + AXIS, "Gain in throughput by policy, percent, with statistical and total intervals");
	draw_axis(page, &a, height, " %");
	for (guint i = 0; i < t->rows->len; i++) {
		const struct cell *row = t->rows->pdata[i], *c = row + column;
		double y = ROW * (i + 0.5) + 3;
		g_autofree char *text = format_cell(&t->spec->columns[column], c), *title = NULL;

		label_at(page, y + 4, text_of(&row[0]));
		if (!c->known) {
			text_at(page, x_of(&a, 0) + 6, y + 4, "none", "cannot be told");
			continue;
		}
		title = g_strdup_printf("%s: %s %%", text_of(&row[0]), text);
		draw_estimate(page, &a, c, y, false, title);
	}
	end(page, "Dot: estimate. Thick: 95 % interval of the recording's own variation. Thin: with the method's own error.");
}

/* One of the two methods, on a line of its own. */
static void draw_method(GString *page, const struct table *t, guint row, const struct axis *a, const char *method, double y)
{
	const struct cell *c = table_cell(t, row, method);
	g_autofree char *text = format_cell(&t->spec->columns[table_column(t, method)], c), *title = NULL;

	if (!c->known)
		return;
	title = g_strdup_printf("%s, %s, %s: %s %%", text_of(table_cell(t, row, "policy")),
				text_of(table_cell(t, row, "scheduler_side")), method, text);
	draw_estimate(page, a, c, y, strcmp(method, "simulated"), title);
}

/* What simulate and replay say, one below the other, and in words whether they agree. */
static void draw_simulated(GString *page, const struct table *t, const GPtrArray *vms)
{
	enum { HIGH = 40 };
	const char *const columns[] = { "simulated", "replayed" };
	struct axis a = axis_of(t, columns, G_N_ELEMENTS(columns));
	double height = HIGH * t->rows->len + 6;

	(void)vms;
	begin(page, t, height + AXIS, "Gain in throughput by policy and scheduler side, percent, simulated and replayed, with "
	      "statistical and total intervals");
	draw_axis(page, &a, height, " %");
	for (guint i = 0; i < t->rows->len; i++) {
		const char *side = text_of(table_cell(t, i, "scheduler_side"));
		const char *agreement = text_of(table_cell(t, i, "agreement"));
		bool plain = !strcmp(side, "plain"), contradictory = !strcmp(agreement, "contradictory");
		g_autofree char *below = cut(plain ? agreement : side);
		double y = HIGH * (i + 0.5) + 3;

		label_at(page, y - 4, text_of(table_cell(t, i, "policy")));
		text_at(page, LABEL - 8, y + 11, contradictory ? "label contradictory" : "label soft", below);
		draw_method(page, t, i, &a, "simulated", y - 7);
		draw_method(page, t, i, &a, "replayed", y + 7);
		if (!table_cell(t, i, "simulated")->known)
			text_at(page, x_of(&a, 0) + 6, y - 3, "none", "refused");
	}
	end(page, "Dot: simulated. Square below it: replayed, which knows no scheduler side but the plain one. Thick: 95 % "
	    "interval, of what chance does. Thin: with the method's own error. Below a policy's name: whether the two agree, "
	    "or the scheduler's side.");
}

/* Keys and colours below bars, from y on; page NULL: only measure. Where they end. */
static double draw_key(GString *page, double y, const char *const *names, const char *const *classes, unsigned int n)
{
	double x = LABEL;

	for (unsigned int i = 0; i < n; i++) {
		g_autofree char *name = cut(names[i]);
		double width = 34 + 7.2 * g_utf8_strlen(name, -1);

		if (x > LABEL && x + width > WIDTH) {
			x = LABEL;
			y += ROW;
		}
		if (page) {
			bar(page, x, y, BAR, classes[i], names[i]);
			text_at(page, x + BAR + 4, y + 11, "key", name);
		}
		x += width;
	}
	return y + ROW;
}

static void draw_outcomes(GString *page, const struct table *t, const GPtrArray *vms)
{
	static const char *const classes[] = { "good", "nominated", "mismatch", "lost", "over", "nothing", "unknown" };
	static const char *const names[] = {
		"hit", "nominated", "scheduler mismatch", "lost opportunity", "overboost", "nothing to gain", "unknown",
	};
	unsigned int first = table_column(t, "hit"), picks = table_column(t, "picks");
	struct axis a = { 0, 1 };
	double height = 0, y = 4;

	(void)vms;
	for (guint i = 0; i < t->rows->len; i++) {
		const struct cell *row = t->rows->pdata[i];

		include(&a, row[picks].value);
		height += i % 2 ? ROW + 8 : ROW - 2;
	}
	begin(page, t, draw_key(NULL, height + AXIS, names, classes, G_N_ELEMENTS(names)),
	      "Decisions at which each policy's pick differs, by what the picks amount to");
	draw_axis(page, &a, height, "");
	for (guint i = 0; i < t->rows->len; i++) {
		const struct cell *row = t->rows->pdata[i];
		g_autofree char *label = g_strdup(i % 2 ? "kernel there" : text_of(&row[0]));
		double x = LABEL;

		label_at(page, y + 11, label);
		for (unsigned int k = 0; k < G_N_ELEMENTS(names); k++) {
			double width = (row[first + k].known ? row[first + k].value : 0) / (a.hi - a.lo) * (WIDTH - LABEL - 20);
			g_autofree char *n = format_count(row[first + k].value);
			g_autofree char *title = g_strdup_printf("%s, %s: %s %s", text_of(&row[0]),
								text_of(&row[1]), n, names[k]);

			bar(page, x, y, width, classes[k], title);
			x += width;
		}
		g_string_append_c(page, '\n');
		y += i % 2 ? ROW + 8 : ROW - 2;
	}
	draw_key(page, height + AXIS, names, classes, G_N_ELEMENTS(names));
	end(page, "Decisions at which the pick differs from the recorded policy's: what each pick amounts to.");
}

/* Who runs on CPUs, in the order of the first, and in which colour each is drawn. */
struct who {
	const GPtrArray *vms;
	GPtrArray *names, *classes;
};

static const char *class_of(struct who *who, const char *name)
{
	static const char *const classes[] = { "c0", "c1", "c2", "c3", "c4", "c5", "c6", "c7" };
	guint i, place;

	for (i = 0; i < who->names->len; i++)
		if (!strcmp(who->names->pdata[i], name))
			return who->classes->pdata[i];
	g_ptr_array_add(who->names, (char *)name);
	g_ptr_array_add(who->classes, (char *)(g_ptr_array_find_with_equal_func((GPtrArray *)who->vms, name, g_str_equal, &place) ?
					       classes[place % G_N_ELEMENTS(classes)] :
					       strcmp(name, "further VMs") ? "rest" : "further"));
	return who->classes->pdata[i];
}

static void draw_cpus(GString *page, const struct table *t, const GPtrArray *vms)
{
	g_autoptr(GPtrArray) names = g_ptr_array_new(), classes = g_ptr_array_new();
	struct who who = { vms, names, classes };
	const struct axis a = { 0, 100 };
	double last = -1, x = LABEL, y = 4 - ROW, height = 4;

	for (guint i = 0; i < t->rows->len; i++) {
		const struct cell *row = t->rows->pdata[i];

		height += row[0].value != last ? ROW : 0;
		last = row[0].value;
		class_of(&who, text_of(&row[1]));
	}
	begin(page, t, draw_key(NULL, height + AXIS, (const char *const *)names->pdata, NULL, names->len),
	      "Share of each CPU's time by VM");
	draw_axis(page, &a, height, " %");
	last = -1;
	for (guint i = 0; i < t->rows->len; i++) {
		const struct cell *row = t->rows->pdata[i];
		double share = row[2].known ? row[2].value : 0, width = share / 100 * (WIDTH - LABEL - 20);
		g_autofree char *title = g_strdup_printf("CPU %.0f, %s: %.1f %%", row[0].value, text_of(&row[1]), share);

		if (row[0].value != last) {
			g_autofree char *label = g_strdup_printf("CPU %.0f", row[0].value);

			y += ROW;
			x = LABEL;
			label_at(page, y + 11, label);
		}
		last = row[0].value;
		bar(page, x, y, width, class_of(&who, text_of(&row[1])), title);
		x += width;
	}
	draw_key(page, height + AXIS, (const char *const *)names->pdata, (const char *const *)classes->pdata, names->len);
	end(page, "Share of each CPU's time; the rest is idle, or lost.");
}

/* Where page.js draws: it knows the figure by its id. */
static void leave_room(GString *page, const struct table *t, const char *const *charts)
{
	g_string_append_printf(page, "<figure id=\"f-%s\" class=charts>", t->spec->id);
	for (; *charts; charts += 2) {
		g_string_append_printf(page, "<div class=chart role=img id=\"c-%s\" aria-label=\"", charts[0]);
		html_text(page, charts[1]);
		g_string_append(page, "\"></div>");
	}
	g_string_append(page, "</figure>\n");
}

static void leave_room_for_timeline(GString *page, const struct table *t, const GPtrArray *vms)
{
	(void)t;
	(void)vms;
	g_string_append(page, "<section id=timeline aria-label=Timeline></section>\n");
}

bool html_figure(GString *page, const struct table *t, const GPtrArray *vms)
{
	static const struct {
		const char *id;
		void (*draw)(GString *, const struct table *, const GPtrArray *);
		const char *charts[7];
	} figures[] = {
		{ "gains", draw_gains }, { "simulated_gains", draw_simulated }, { "outcomes", draw_outcomes }, { "cpu_time", draw_cpus },
		{ "over_time", NULL, { "rate", "PAUSE exits and yields per second", "response", "IPI response: median, 90 %, "
				       "longest", "wasted", "Wasted yields, percent" } },
		{ "over_time_by_vm", NULL, { "by-vm", "PAUSE exits per second by VM" } },
		{ "ipi_response_histogram", NULL, { "response-histogram", "Distribution of IPI response" } },
		{ "episode_length_histogram", NULL, { "length-histogram", "Distribution of waits with PAUSE exits" } },
		{ "moments", leave_room_for_timeline },
		{ "window_curve", NULL, { "window", "Gain by ipi_window_ns, with its band" } },
	};

	for (unsigned int i = 0; i < G_N_ELEMENTS(figures); i++)
		if (!strcmp(figures[i].id, t->spec->id)) {
			if (figures[i].draw)
				figures[i].draw(page, t, vms);
			else
				leave_room(page, t, figures[i].charts);
			return true;
		}
	return false;
}
