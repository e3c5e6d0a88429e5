/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The files themselves; their paths come from CMakeLists.txt. */
.macro asset name, path
	.global asset_\name, asset_\name\()_end
	asset_\name: .incbin "\path"
	asset_\name\()_end: .byte 0
.endm

	.section .rodata
	asset dygraph_js, DYGRAPHS_DIR/dygraph.min.js
	asset dygraph_css, DYGRAPHS_DIR/dygraph.min.css
	asset dygraph_licence, REPORT_DIR/dygraphs-licence.txt
	asset page_css, REPORT_DIR/page.css
	asset page_js, REPORT_DIR/page.js
	asset timeline_css, REPORT_DIR/timeline.css
	asset timeline_model_js, REPORT_DIR/timeline_model.js
	asset timeline_draw_js, REPORT_DIR/timeline_draw.js
	asset timeline_marks_js, REPORT_DIR/timeline_marks.js
	asset timeline_detail_js, REPORT_DIR/timeline_detail.js
	asset timeline_js, REPORT_DIR/timeline.js
	.section .note.GNU-stack, "", %progbits
