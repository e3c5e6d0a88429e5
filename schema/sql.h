/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The .sql files of this folder, as the build embeds them. */
#ifndef SCHEMA_SQL_H
#define SCHEMA_SQL_H

extern const char sql_facts[], sql_results[], sql_reviewers[], sql_views[], sql_simulated[];

#endif
