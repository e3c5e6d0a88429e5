// SPDX-License-Identifier: GPL-2.0-or-later
#include "analyze/report/html.h"

#include <cjson/cJSON.h>
#include <math.h>
#include <string.h>

#include "analyze/report/assets.h"
#include "analyze/report/format.h"
#include "analyze/report/html_int.h"
#include "analyze/report/output.h"
#include "analyze/report/reading.h"
#include "analyze/report/timeline.h"
#include "schema/db.h"

/* A page is to be sent by mail. */
enum { MAX_PAGE = 1000000, MAX_TIMELINE = 400000, LEAST_TIMELINE = 50000, MAX_ROWS = 400, OPEN_ROWS = 24, LEAST_TEXT = 12 };

void html_text(GString *page, const char *text)
{
	for (const char *p = text; *p; p++)
		switch (*p) {
		case '<':
			g_string_append(page, "&lt;");
			break;
		case '>':
			g_string_append(page, "&gt;");
			break;
		case '&':
			g_string_append(page, "&amp;");
			break;
		case '"':
			g_string_append(page, "&quot;");
			break;
		case '\'':
			g_string_append(page, "&#39;");
			break;
		default:
			/* control characters are not allowed in a page */
			g_string_append_c(page, (guchar)*p < ' ' && *p != '\n' && *p != '\t' ? '?' : *p);
		}
}

void html_printf(GString *page, const char *format, ...)
{
	g_autofree char *text = NULL;
	va_list args;

	va_start(args, format);
	text = g_strdup_vprintf(format, args);
	va_end(args);
	html_text(page, text);
}

static void add_sentence(GString *page, const char *element, const char *text)
{
	g_string_append_printf(page, "<%s>", element);
	html_text(page, text);
	g_string_append_printf(page, "</%s>\n", element);
}

static void add_cell(GString *page, const struct column *column, const struct cell *cell, bool exact)
{
	g_autofree char *text = format_cell(column, cell);
	bool is_text = column_is_text(column);

	g_string_append(page, is_text ? "<td>" : "<td class=n");
	if (!is_text && exact && cell->known) {
		char value[G_ASCII_DTOSTR_BUF_SIZE];

		g_string_append_printf(page, " data-value=\"%s\"", g_ascii_dtostr(value, sizeof(value), cell->value));
	}
	if (!is_text)
		g_string_append_c(page, '>');
	if (column->kind == COLUMN_ESTIMATE && cell->known) {
		g_autofree char *value = format_estimate(column, cell->value);
		g_autofree char *statistical = format_interval(column, cell->statistical);
		g_autofree char *total = format_interval(column, cell->total);

		g_string_append_printf(page, "%s <span class=i>%s</span>", value, isnan(cell->total[0]) ? statistical : total);
		if (!isnan(cell->total[0]))
			g_string_append_printf(page, "<br><span class=s>statistical %s</span>", statistical);
	} else {
		html_text(page, text);
	}
	g_string_append(page, "</td>");
}

static void add_rows(GString *page, const struct table *t)
{
	guint n = MIN(t->rows->len, MAX_ROWS);

	g_string_append_printf(page, "<div class=scroll><table id=\"t-%s\"><caption><span>", t->spec->id);
	html_text(page, t->spec->title);
	g_string_append(page, "</span></caption><thead><tr>");
	for (unsigned int c = 0; c < t->n_columns; c++) {
		const struct column *column = &t->spec->columns[c];

		g_string_append_printf(page, "<th scope=col data-key=%s%s>", column->key, column_is_text(column) ? "" : " class=n");
		html_text(page, column->heading);
		g_string_append(page, "</th>");
	}
	g_string_append(page, "</tr></thead><tbody>\n");
	for (guint i = 0; i < n; i++) {
		const struct cell *row = t->rows->pdata[i];

		g_string_append(page, "<tr>");
		for (unsigned int c = 0; c < t->n_columns; c++)
			add_cell(page, &t->spec->columns[c], &row[c], !t->spec->page_only);
		g_string_append(page, "</tr>\n");
	}
	g_string_append(page, "</tbody></table></div>\n");
	if (n < t->rows->len)
		g_string_append_printf(page, "<p class=about>… and %u more rows; <code>counterspin report --json</code> has "
					     "all.</p>\n", t->rows->len - n);
}

/* A table that belongs to a figure, or is long, opens on demand. */
static void add_table(GString *page, const struct table *t, const GPtrArray *vms)
{
	bool drawn, folded;

	if (!t->rows->len && !t->spec->empty) {
		g_string_append_printf(page, "<div id=\"t-%s\" hidden></div>\n", t->spec->id);
		return;
	}
	if (!t->rows->len) {
		g_string_append_printf(page, "<div id=\"t-%s\"><h3>", t->spec->id);
		html_text(page, t->spec->title);
		g_string_append(page, "</h3>");
		add_sentence(page, "p class=empty", t->spec->empty);
		g_string_append(page, "</div>\n");
		return;
	}
	drawn = html_figure(page, t, vms);
	folded = t->spec->page_only || t->rows->len > OPEN_ROWS || !strcmp(t->spec->id, "moments");
	if (folded) {
		g_string_append(page, "<details><summary>");
		html_printf(page, "%s, %u rows", drawn ? "The figure as a table" : t->spec->title, t->rows->len);
		g_string_append(page, "</summary>\n");
	}
	add_rows(page, t);
	if (folded)
		g_string_append(page, "</details>\n");
	if (t->spec->about)
		add_sentence(page, "p class=about", t->spec->about);
}

static void add_answers(GString *page, const struct result *r)
{
	static const char *const classes[] = { "yes", "no", "partly", "unknown" };

	g_string_append(page, "<section id=answers aria-label=Answers>\n<dl>\n");
	for (guint i = 0; i < r->answers->len; i++) {
		const struct answer *a = r->answers->pdata[i];

		g_string_append_printf(page, "<div class=\"answer %s\" id=\"a-%s\"><dt>", classes[a->kind], a->id);
		html_text(page, a->question);
		g_string_append(page, "</dt><dd>");
		html_text(page, a->sentence);
		g_string_append(page, "</dd></div>\n");
	}
	g_string_append(page, "</dl>\n");
	if (r->warnings->len) {
		g_string_append(page, "<div class=warnings role=note><h2>Before believing a figure</h2><ul>\n");
		for (guint i = 0; i < r->warnings->len; i++)
			add_sentence(page, "li", r->warnings->pdata[i]);
		g_string_append(page, "</ul></div>\n");
	}
	g_string_append(page, "</section>\n");
}

static void add_section(GString *page, const struct section *s, const GPtrArray *vms)
{
	g_string_append_printf(page, "<section id=\"%s\">\n", s->id);
	add_sentence(page, "h2", s->title);
	for (guint i = 0; i < s->notes->len; i++)
		add_sentence(page, "p", s->notes->pdata[i]);
	for (guint i = 0; i < s->tables->len; i++)
		add_table(page, s->tables->pdata[i], vms);
	g_string_append(page, "</section>\n");
}

/* Numbers of a chart's table, column by column; six digits are more than a screen shows. */
static cJSON *chart_json(const struct table *t)
{
	cJSON *o = cJSON_CreateObject();

	for (unsigned int c = 0; c < t->n_columns; c++) {
		cJSON *list = cJSON_AddArrayToObject(o, t->spec->columns[c].key);

		for (guint i = 0; i < t->rows->len; i++) {
			const struct cell *cell = (const struct cell *)t->rows->pdata[i] + c;
			char text[32];

			if (!cell->known) {
				cJSON_AddItemToArray(list, cJSON_CreateNull());
			} else if (t->spec->columns[c].kind == COLUMN_TEXT) {
				cJSON_AddItemToArray(list, cJSON_CreateString(cell->text));
			} else {
				g_ascii_formatd(text, sizeof(text), t->spec->columns[c].kind == COLUMN_TIME ? "%.9g" : "%.6g",
						cell->value);
				cJSON_AddItemToArray(list, cJSON_CreateRaw(text));
			}
		}
	}
	return o;
}

static cJSON *charts_json(const struct result *r)
{
	static const char *const drawn[] = {
		"over_time", "over_time_by_vm", "ipi_response_histogram", "episode_length_histogram", "percentiles",
		"window_curve", "window_choice",
	};
	cJSON *root = cJSON_CreateObject();

	for (unsigned int i = 0; i < G_N_ELEMENTS(drawn); i++) {
		const struct table *t = result_table(r, drawn[i]);

		if (t)
			cJSON_AddItemToObject(root, drawn[i], chart_json(t));
	}
	return root;
}

/* JSON in an element of its own; nothing in it can end the element. Frees root. */
static void add_json(GString *page, const char *id, cJSON *root)
{
	char *text = cJSON_PrintUnformatted(root);

	g_string_append_printf(page, "<script type=\"application/json\" id=\"%s\">", id);
	for (const char *p = text; *p; p++)
		if (*p == '<')
			g_string_append(page, "\\u003c");
		else
			g_string_append_c(page, *p);
	g_string_append(page, "</script>\n");
	cJSON_free(text);
	cJSON_Delete(root);
}

struct asset {
	const char *text;
	gsize n;
};

/* Without the name of a source map, which a browser's tools would look for. */
static struct asset asset_of(const char *text, const char *end)
{
	const char *map = g_strrstr_len(text, end - text, "# sourceMappingURL=");

	return (struct asset){ text, map && map - text >= 2 ? map - 2 - text : end - text };
}

static GString *join(const struct asset *assets, unsigned int n)
{
	GString *s = g_string_new(NULL);

	for (unsigned int i = 0; i < n; i++) {
		g_string_append_len(s, assets[i].text, assets[i].n);
		g_string_append_c(s, '\n');
	}
	return s;
}

/* What the page may load: inlined text with this digest. */
static char *source_of(const GString *text)
{
	g_autoptr(GChecksum) sum = g_checksum_new(G_CHECKSUM_SHA256);
	guint8 digest[32];
	gsize n = sizeof(digest);
	g_autofree char *encoded = NULL;

	g_checksum_update(sum, (const guchar *)text->str, text->len);
	g_checksum_get_digest(sum, digest, &n);
	encoded = g_base64_encode(digest, n);
	return g_strdup_printf("'sha256-%s'", encoded);
}

static void add_head(GString *page, const char *title, const GString *css, const GString *library, const GString *js)
{
	g_autofree char *css_source = source_of(css), *library_source = source_of(library), *js_source = source_of(js);

	g_string_append_printf(page,
		"<!DOCTYPE html>\n<html lang=en>\n<head>\n<meta charset=utf-8>\n"
		"<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; script-src %s %s; style-src %s; "
		"img-src data:; base-uri 'none'; form-action 'none'\">\n"
		"<meta name=viewport content=\"width=device-width, initial-scale=1\">\n"
		"<meta name=color-scheme content=\"light dark\">\n<meta name=referrer content=no-referrer>\n"
		"<meta name=generator content=\"counterspin " COUNTERSPIN_VERSION "\">\n"
		"<link rel=icon href=\"data:,\">\n", library_source, js_source, css_source);
	add_sentence(page, "title", title);
	g_string_append_printf(page, "<style>%s</style>\n</head>\n", css->str);
}

static void add_nav(GString *page, const struct result *r)
{
	g_string_append(page, "<nav aria-label=Sections><a href=\"#answers\">Answers</a>");
	for (guint i = 0; i < r->sections->len; i++) {
		const struct section *s = r->sections->pdata[i];

		g_string_append_printf(page, " <a href=\"#%s\">", s->id);
		html_text(page, s->title);
		g_string_append(page, "</a>");
	}
	g_string_append(page, "</nav>\n");
}

static void add_body(GString *page, const struct result *r, const GPtrArray *vms)
{
	g_string_append(page, "<body>\n<header>");
	add_sentence(page, "h1", r->title);
	g_string_append(page, "<p>What KVM directed yield does on this host, and what other policies would do; by counterspin "
			COUNTERSPIN_VERSION ".</p></header>\n");
	add_nav(page, r);
	g_string_append(page, "<main>\n<noscript><p class=warnings>Charts over time, distributions and the timeline need "
			      "JavaScript; every figure is also a table.</p></noscript>\n");
	add_answers(page, r);
	for (guint i = 0; i < r->sections->len; i++)
		add_section(page, r->sections->pdata[i], vms);
	g_string_append(page, "</main>\n<footer><details><summary>Licence of the charts</summary><pre>");
	html_text(page, asset_dygraph_licence);
	g_string_append(page, "</pre></details></footer>\n");
}

/* Of all VMs, in their order, which is that of their colours. */
static GPtrArray *labels_of_vms(sqlite3 *db, GError **error)
{
	g_autoptr(GPtrArray) list = g_ptr_array_new_with_free_func(g_free);
	g_autoptr(db_stmt) s = db ? db_prepare(db, "SELECT label FROM vm_label ORDER BY vm") : NULL;
	GError *broken = NULL;

	while (s && db_next(s, &broken))
		g_ptr_array_add(list, reading_word(s, 0));
	if (!broken)
		return g_steal_pointer(&list);
	g_propagate_error(error, broken);
	return NULL;
}

/* All of the page but its data, which script reads, and the scripts. */
static GString *begin_page(const struct result *r, const GPtrArray *vms, const GString *css, const GString *library,
			   const GString *js)
{
	GString *page = g_string_new(NULL);

	add_head(page, r->title, css, library, js);
	add_body(page, r, vms);
	add_json(page, "charts-data", charts_json(r));
	return page;
}

static GString *page_of(struct result *r, sqlite3 *db, GError **error)
{
	const struct asset styles[] = {
		asset_of(asset_dygraph_css, asset_dygraph_css_end), asset_of(asset_page_css, asset_page_css_end),
		asset_of(asset_timeline_css, asset_timeline_css_end),
	}, libraries[] = {
		asset_of(asset_dygraph_js, asset_dygraph_js_end),
	}, scripts[] = {
		asset_of(asset_timeline_model_js, asset_timeline_model_js_end),
		asset_of(asset_timeline_draw_js, asset_timeline_draw_js_end),
		asset_of(asset_timeline_marks_js, asset_timeline_marks_js_end),
		asset_of(asset_timeline_detail_js, asset_timeline_detail_js_end),
		asset_of(asset_timeline_js, asset_timeline_js_end), asset_of(asset_page_js, asset_page_js_end),
	};
	g_autoptr(GString) css = join(styles, G_N_ELEMENTS(styles)), js = join(scripts, G_N_ELEMENTS(scripts));
	g_autoptr(GString) library = join(libraries, G_N_ELEMENTS(libraries)), page = NULL;
	g_autoptr(GPtrArray) vms = labels_of_vms(db, error);
	gsize rest, scripts_len = library->len + js->len;
	cJSON *timeline;

	if (!vms)
		return NULL;
	page = begin_page(r, vms, css, library, js);
	for (glong max = READING_TEXT / 2; page->len + scripts_len + LEAST_TIMELINE > MAX_PAGE && max >= LEAST_TEXT; max /= 2) {
		result_cut_texts(r, max);
		g_string_free(page, TRUE);
		page = begin_page(r, vms, css, library, js);
	}
	rest = page->len + scripts_len;
	timeline = db ? timeline_json(db, rest < MAX_PAGE ? MIN(MAX_PAGE - rest, MAX_TIMELINE) : 0, error) :
		   cJSON_CreateNull();
	if (!timeline)
		return NULL;
	add_json(page, "timeline-data", timeline);
	g_string_append_printf(page, "<script>%s</script>\n<script>%s</script>\n</body>\n</html>\n", library->str, js->str);
	return g_steal_pointer(&page);
}

bool html_write(struct result *r, sqlite3 *db, const char *path, bool replace, GError **error)
{
	g_autoptr(GString) page = page_of(r, db, error);
	struct output *output = page ? output_new(path, NULL, replace, error) : NULL;
	bool ok;

	if (!output)
		return false;
	output_write(output, page->str, page->len);
	ok = output_complete(output, error) && output_appear(output, error);
	output_free(output);
	return ok;
}
