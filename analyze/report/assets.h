/* SPDX-License-Identifier: GPL-2.0-or-later */
/* assets - the files that a page carries, in this program since it was built. */
#ifndef ANALYZE_REPORT_ASSETS_H
#define ANALYZE_REPORT_ASSETS_H

#include <stddef.h>

/* Each from its first byte up to _end, where there is a zero byte. */
extern const char asset_dygraph_js[], asset_dygraph_js_end[];
extern const char asset_dygraph_css[], asset_dygraph_css_end[];
extern const char asset_dygraph_licence[], asset_dygraph_licence_end[];
extern const char asset_page_css[], asset_page_css_end[];
extern const char asset_page_js[], asset_page_js_end[];
extern const char asset_timeline_css[], asset_timeline_css_end[];
extern const char asset_timeline_model_js[], asset_timeline_model_js_end[];
extern const char asset_timeline_draw_js[], asset_timeline_draw_js_end[];
extern const char asset_timeline_marks_js[], asset_timeline_marks_js_end[];
extern const char asset_timeline_detail_js[], asset_timeline_detail_js_end[];
extern const char asset_timeline_js[], asset_timeline_js_end[];

#endif
